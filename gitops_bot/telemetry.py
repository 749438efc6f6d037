"""Logs and counters. Importable from everywhere.

Log lines are JSON (or coloured text on a terminal) and pass one filter that takes secrets out
by shape, whatever room they come from: the last line of defence, not the first.
"""

import logging
import re
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from types import TracebackType
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# Shapes of tokens that must not be logged. No lengths where the vendor does not promise one:
# GitHub's installation tokens became longer in 2026. Whatever a pull request writes must cost no more than its
# length: no part begins where another could have.
# https://github.blog/changelog/2021-03-31-authentication-token-format-updates-are-generally-available/
_TOKEN_SHAPES = re.compile(
    r"""
      gh[pousr]_[A-Za-z0-9_.\-]{10,}                # GitHub tokens, those with a JSON web token in them too
    | github_pat_[A-Za-z0-9_]{10,}                  # GitHub fine-grained tokens
    | gl(?:pat|dt|rt|ptt|cbt|ft|soat|agent)-[A-Za-z0-9_.\-]{10,}   # GitLab tokens
    | xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9%\-]{8,}    # Slack tokens
    | xapp-[A-Za-z0-9\-]{8,}                        # Slack app tokens
    | (?<=hooks\.slack\.com/)[a-z]+/[A-Za-z0-9/_\-]{16,}   # Slack's addresses that post without a token
    | (?<![A-Za-z0-9])sk-[A-Za-z0-9_\-]{16,}        # OpenAI-like keys, not "task-…"
    | (?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}      # Stripe
    | AIza[A-Za-z0-9_\-]{30,} | ya29\.[A-Za-z0-9_.\-]{16,} | GOCSPX-[A-Za-z0-9_\-]{16,}   # Google
    | (?:AKIA|ASIA)[A-Z0-9]{16}                     # AWS access keys
    | (?:npm_|dckr_pat_|pypi-|dop_v1_|hv[sb]\.|glsa_|glc_|SG\.)[A-Za-z0-9_.\-]{20,}   # registries, Vault
    | (?<![A-Za-z0-9_\-])eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]+)*  # JWT
    | AGE-SECRET-KEY-1[A-Z0-9]{20,}                 # age keys, as SOPS uses them
    | (?<=://)[^/\s:@"'<>]{0,128}:(?![0-9]{1,5}(?:[/\s"'?\#]|\Z))[^\s"'<>«»]{0,128}(?=@)   # user:password in an address
    | (?<=://)[^/\s:@"'<>]{0,128}:[^/\s@"'<>«»]{1,128}(?=@)     # the same, with digits as the password
    | (?<=[?&])(?:[A-Za-z0-9_.-]*(?:token|password|passwd|secret|api_?key|signature)|pwd|sig)=[^\s&"'<>«»]+
    | (?i:\bbearer\ +)[A-Za-z0-9._~+/\-]{16,}=*
    | (?i:\bauthorization["']?\s*[:=]\s*["']?(?:basic|token)\ +)[A-Za-z0-9._~+/\-]{6,}=*
    | (?i:aws_?secret_?access_?key["']?\s*[:=]\s*["']?)[A-Za-z0-9/+]{40}
    # Private keys: headers, long lines of base64, the rest of the last. Never further: what stands behind
    # one that has no end must not be hidden with it.
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY(?:\ BLOCK)?-----
      (?:(?:\s|\\[nrt])*[A-Z][A-Za-z\-]{2,20}:\ [^\n\\"]{1,120}(?=\s|\\))*
      (?:(?:[\s"'|+\-]|\\[nrt])*[A-Za-z0-9+/]{16,}={0,2})*
      (?:(?:\s|\\[nrt])*[A-Za-z0-9+/]{1,15}={0,2}(?=\s|\\|-|"|'|\Z))?
      (?:(?:\s|\\[nrt])*=[A-Za-z0-9+/]{4})?
      (?:(?:\s|\\[nrt])*-----END\ [A-Z ]*PRIVATE\ KEY(?:\ BLOCK)?-----)?
    # The same in base64, as kubeconfigs have it: PRIVATE, RSA, EC, OPENSSH, ENCRYPTED, DSA.
    | LS0tLS1CRUdJTi(?:BQUklW|BSU0Eg|BFQyBQ|BPUEVO|BFTkNS|BEU0Eg)[A-Za-z0-9+/=]+
    """,
    re.VERBOSE | re.DOTALL,
)
_HIDDEN = "«hidden»"


def without_tokens(text: str, replacement: Callable[[str], str] = lambda _token: _HIDDEN) -> str:
    """Replace everything in ``text`` that has the shape of a token, by what ``replacement`` gives for it."""
    return _TOKEN_SHAPES.sub(lambda found: replacement(found[0]), text)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return without_tokens(value)
    if isinstance(value, Mapping):
        return {without_tokens(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    if isinstance(value, int | float | bool | None):
        return value
    return without_tokens(str(value))


def _secret_filter(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {key: _clean(value) for key, value in event.items()}


def set_up_logging(level: str = "INFO", *, as_json: bool = True) -> None:
    """Send every log line of this process, ours and of libraries, through the secret filter to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _secret_filter, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Libraries that tell of every request, or print what they send, at DEBUG and INFO.
    for name in (
        "httpx",
        "httpcore",
        "urllib3",
        "github",
        "slack_sdk",
        "openai",
        "httpx2",
        "httpcore2",
        "apscheduler",
        "kubernetes",
        "alembic",
        "aiosqlite",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)

    _tell_of_what_nobody_caught()


def filtered_traceback(error: BaseException) -> str:
    """Give the traceback of an error without what has the shape of a token."""
    return without_tokens("".join(traceback.format_exception(error)))


def _tell_of_what_nobody_caught() -> None:
    """Python prints errors that nobody catches, and warnings, as they are: let them pass the filter too."""
    log = logger(__name__)

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            log.critical("an error that nobody caught", exc_info=(kind, error, trace))

    def in_thread(failure: threading.ExceptHookArgs) -> None:
        if failure.exc_value is not None:
            uncaught(failure.exc_type, failure.exc_value, failure.exc_traceback)

    def in_cleanup(failure: Any) -> None:
        # Any: Python keeps the type of this argument to itself.
        if failure.exc_value is not None:
            uncaught(failure.exc_type, failure.exc_value, failure.exc_traceback)

    sys.excepthook = uncaught
    threading.excepthook = in_thread
    sys.unraisablehook = in_cleanup
    logging.captureWarnings(capture=True)


def logger(name: str) -> Any:
    """Give the logger of a room: ``log = telemetry.logger(__name__)``; ``log.info("what happened", key=value)``."""
    return structlog.stdlib.get_logger(name)


# One registry of our own: the tests read it, and nothing that a library registers appears in it.
registry = CollectorRegistry()
reports = Counter("gitops_bot_reports_total", "Reports made", ["cluster", "verdict"], registry=registry)
polls = Counter("gitops_bot_polls_total", "Looks at a repository", ["outcome"], registry=registry)
github_requests = Counter(
    "gitops_bot_github_requests_total", "Requests to GitHub, 304 apart", ["status"], registry=registry
)
github_limit_remaining = Gauge("gitops_bot_github_limit_remaining", "Requests left until reset", registry=registry)
clicks = Counter("gitops_bot_clicks_total", "Buttons pressed", ["action", "outcome"], registry=registry)
outcomes = Counter(
    "gitops_bot_outcomes_total", "What became of Kustomizations after a merge", ["cluster", "state"], registry=registry
)
failures = Counter("gitops_bot_failures_total", "Pieces of work that failed", ["journey", "error"], registry=registry)
flux_seconds = Histogram("gitops_bot_flux_seconds", "Time of one run of flux", ["operation"], registry=registry)
review_seconds = Histogram("gitops_bot_review_seconds", "Time of one review", registry=registry)
queue_waiting = Gauge("gitops_bot_queue_waiting", "Pieces of work that wait", ["queue"], registry=registry)
access_reviews = Counter(
    "gitops_bot_access_reviews_total", "Questions to the API server who may do what", ["cluster"], registry=registry
)
model_calls = Counter(
    "gitops_bot_model_calls_total", "Calls of language models", ["model", "outcome"], registry=registry
)
model_tokens = Counter(
    "gitops_bot_model_tokens_total", "Tokens of language models", ["model", "kind"], registry=registry
)
model_money = Counter(
    "gitops_bot_model_money_total",
    "Money for language models, by the prices in the settings",
    ["model"],
    registry=registry,
)
model_seconds = Histogram("gitops_bot_model_seconds", "Time until a language model has answered", registry=registry)
opinions = Counter("gitops_bot_opinions_total", "Reviews by a language model", ["outcome"], registry=registry)
gate_looks = Counter(
    "gitops_bot_gate_looks_total", "Looks of the gate at a report, by rule", ["rule", "outcome"], registry=registry
)
guard_proved = Gauge(
    "gitops_bot_guard_proved", "1 when writes of the diff identity are refused", ["cluster"], registry=registry
)
