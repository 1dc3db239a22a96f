"""One log for everything: structlog, and the standard logging of the libraries routed through it.

Every line passes the redactor as its last step, as finished text with its traceback, so that no secret
of the settings can leave in it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from bot.outages import in_a_line, is_outage
from bot.redaction import Redactor
from bot.settings import Settings

# Their INFO lines tell of every heartbeat, request or job.
_TALKATIVE = ("aiohttp.access", "apscheduler", "alembic", "botocore", "boto3", "urllib3", "matplotlib")
_AS_THEY_ARE = frozenset({"exc_info", "_record", "_from_structlog"})  # rendered later, and redacted then
_redactor = Redactor()


def redact(text: str) -> str:
    """The text without the secrets of the settings that the log was configured with."""
    return _redactor(text)


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Send all logging of this process to a stream (standard error), one line or traceback an event."""
    global _redactor
    _redactor = Redactor(settings.secrets())
    stream = stream or sys.stderr
    level = logging.getLevelNamesMapping()[settings.log_level]
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
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[:3], structlog.stdlib.ExtraAdder(), *shared[3:]],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(settings.log_format, stream.isatty()),
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

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        sys.stderr.write(f"a log record of {record.name} could not be written\n")


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
    if value is None or isinstance(value, (bool, int, float)):
        return value
    # What the renderer would make of it, before that escapes it once more.
    return _redactor(repr(value))


def _redact_line(_: object, __: str, line: Any) -> Any:
    return _redactor(line) if isinstance(line, str) else line
