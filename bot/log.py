"""One log for everything: structlog, and the standard logging of the libraries routed through it.

Every line passes the redactor as its last step, as finished text with its traceback, so that no secret
of the settings can leave in it. What a command says to a person goes the same way: in the form `json` there
is no line on standard error that is not an object.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import threading
from collections.abc import Iterable, MutableMapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

import structlog
from structlog.typing import Processor

from bot.outages import in_a_line, is_outage
from bot.redaction import Redactor
from bot.tracing import KEY

if TYPE_CHECKING:
    from bot.settings import Settings

# Their INFO lines tell of every heartbeat, request or job.
_TALKATIVE = ("aiohttp.access", "apscheduler", "alembic", "botocore", "boto3", "urllib3", "matplotlib")
# Rendered later, and redacted then; a hundred ids of our own are not worth a look at each.
_AS_THEY_ARE = frozenset({"exc_info", "_record", "_from_structlog", KEY})
_redactor = Redactor()


def redact(text: str) -> str:
    """The text without the secrets of the settings that the log was configured with."""
    return _redactor(text)


def as_json() -> bool:
    """Whether everything on standard error is JSON, an object a line."""
    return any(isinstance(handler, _Handler) and handler.json for handler in logging.getLogger().handlers)


def say(text: str, **facts: object) -> None:
    """Tell a person something, on standard error, whatever the log's level is."""
    if not as_json():
        sys.stderr.write(redact(text) + "\n")
        return
    told = {"event": text, **facts, "level": "info", "logger": "axieflip"}
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    sys.stderr.write(redact(json.dumps({**told, "timestamp": now}, ensure_ascii=False, default=str)) + "\n")


def begin() -> None:
    """The log before the settings are read: in the form that LOG_FORMAT of the environment names.

    What a thread or a destructor raises goes into it too, and not past it to standard error.
    """
    form = "json" if os.environ.get("LOG_FORMAT", "").strip() == "json" else "console"
    _configure((), logging.WARNING, form, sys.stderr)
    threading.excepthook = _of_thread
    sys.unraisablehook = _of_destructor


def fault(error: BaseException) -> None:
    """The last words of a command that ended by a fault."""
    structlog.get_logger("axieflip").critical("the command ended by a fault", exc_info=error)


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Send all logging of this process to a stream (standard error), one line or traceback an event."""
    level = logging.getLevelNamesMapping()[settings.log_level]
    _configure(settings.secrets(), level, settings.log_format, stream or sys.stderr)


def _configure(secrets: Iterable[str], level: int, form: str, stream: TextIO) -> None:
    global _redactor
    _redactor = Redactor(secrets)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _redact_values,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = _Handler(stream)
    handler.json = form == "json"
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[:3], structlog.stdlib.ExtraAdder(), *shared[3:]],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(form, stream.isatty()),
                _redact_line,
            ],
        )
    )
    root = logging.getLogger()
    for former in root.handlers[:]:
        if isinstance(former, _Handler):
            root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)


def _renderers(form: str, colors: bool) -> list[Processor]:
    if form == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    plain = structlog.dev.plain_traceback  # the rich one shows the values of variables
    return [_outage_in_a_line, structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]


def _outage_in_a_line(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What repeats for as long as a service is down shall not fill the terminal."""
    told = event.get("exc_info")
    error = sys.exc_info()[1] if told is True else told[1] if isinstance(told, tuple) else told
    if isinstance(error, BaseException) and is_outage(error):
        del event["exc_info"]
        event["error"] = in_a_line(error)
    return event


class _Handler(logging.StreamHandler[TextIO]):
    """Says that a record was lost without repeating it, as the standard handler would."""

    json = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        say(f"a log record of {record.name} could not be written")


def _of_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is not SystemExit:
        name = args.thread.name if args.thread is not None else None
        error = (args.exc_type, args.exc_value, args.exc_traceback)
        structlog.get_logger("axieflip").error("a thread ended by a fault", thread=name, exc_info=error)


def _of_destructor(args: sys.UnraisableHookArgs) -> None:
    error = (args.exc_type, args.exc_value, args.exc_traceback)
    message = args.err_msg or "an exception was ignored"
    structlog.get_logger("axieflip").error(message, object=repr(args.object), exc_info=error)


def _redact_values(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # Before rendering as well: within a value within a text, a secret may be escaped more than once.
    return {
        key if key in _AS_THEY_ARE else _redacted(key): value if key in _AS_THEY_ARE else _redacted(value)
        for key, value in event.items()
    }


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return _redactor(value)
    if isinstance(value, dict):
        return {_redacted(key): _redacted(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redacted(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)  # JSON has no word for it
    if value is None or isinstance(value, (bool, int, float)):
        return value
    # What the renderer would make of it, before that escapes it once more.
    return _redactor(repr(value))


def _redact_line(_: object, __: str, line: Any) -> Any:
    return _redactor(line) if isinstance(line, str) else line
