# flux from its official image, pinned by version: FLUX_VERSION must be 2.9.1 or later.
ARG FLUX_VERSION=v2.9.5
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-bookworm

FROM ghcr.io/fluxcd/flux-cli:${FLUX_VERSION} AS flux

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY .locks/ .locks/
# The wheel's own tools stay in this stage; what runs comes from the lock, by hash.
RUN python3 -m venv /build \
 && /build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r .locks/sandbox.txt \
 && python3 -m venv /opt/gitops-bot \
 && /opt/gitops-bot/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r .locks/core.txt
COPY pyproject.toml README.md LICENSE ./
COPY blueprints/ blueprints/
COPY config/ config/
COPY gitops_bot/ gitops_bot/
RUN /build/bin/python -m hatchling build -t wheel -d /dist \
 && /opt/gitops-bot/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-index /dist/*.whl \
 && /opt/gitops-bot/bin/python -m compileall -q /opt/gitops-bot/lib

FROM ${PYTHON_IMAGE}
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git \
 && rm -rf /var/lib/apt/lists/*
# Not on PATH beside git: the runner gets this folder alone.
COPY --from=flux /usr/local/bin/flux /opt/flux/flux
COPY --from=build /opt/gitops-bot /opt/gitops-bot
ENV PATH=/opt/gitops-bot/bin:/usr/local/bin:/usr/bin:/bin \
    GITOPS_BOT_FLUX__BINARY=/opt/flux/flux \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /var/lib/gitops-bot
ENTRYPOINT ["gitops-bot"]
CMD ["run"]
