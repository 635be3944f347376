"""Logs: one JSON object a line for machines, or coloured lines for people; each with the request id, none with a secret."""

from __future__ import annotations

import logging.config
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from controlplane.kernel.redaction import MASK, names_a_secret, redact, redact_values

SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


class RedactedFormatter(structlog.stdlib.ProcessorFormatter):
    """Masks secrets in the whole line as it is written: message, values and traceback alike."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return redact(super().format(record))


class RedactionFilter(logging.Filter):
    """Masks secrets in a record, for handlers whose formatter is not ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, masked."""
        if not isinstance(record.msg, dict):  # structlog's events are masked by name and again when written
            record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info and record.exc_info[0] and not record.exc_text:
            record.exc_text = redact("".join(traceback.format_exception(*record.exc_info)).rstrip())
        return True


class RefusalsWithoutTraceback(logging.Filter):
    """Keeps a line for a request that Django refused by itself, such as one for a foreign host: what broke is the request."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, refusals without the traceback that anybody could fill the log with."""
        if record.name.startswith("django.security."):
            record.exc_info = record.exc_text = None
        return True


def logging_config(*, level: str, style: str) -> dict[str, Any]:
    """Configure structlog and the standard library to write alike, and return the latter's dictionary.

    `style` is "json" or "console".
    """
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    config: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structured": _structured(style)},
        "filters": {"redacted": {"()": RedactionFilter}, "refusals": {"()": RefusalsWithoutTraceback}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "structured",
                "filters": ["refusals", "redacted"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "django.request": {"level": "ERROR"},
            "kubernetes": {"level": "WARNING"},
            "urllib3": {"level": "ERROR"},
        },
    }
    logging.config.dictConfig(config)
    for handler in _handlers_of_others():
        handler.addFilter(RedactionFilter())
    return config


def _structured(style: str) -> dict[str, Any]:
    final = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _mask_values, *_final(style)]
    return {"()": RedactedFormatter, "foreign_pre_chain": SHARED, "processors": final}


def _handlers_of_others() -> list[logging.Handler]:
    """Handlers that somebody set up before us, such as the web server's."""
    ours = logging.getLogger().handlers
    known = [
        logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)
    ]
    return [handler for logger in known for handler in logger.handlers if handler not in ours]


def _mask_values(_: object, __: str, event: EventDict) -> EventDict:
    for name, value in event.items():
        if name != "exc_info":
            event[name] = MASK if value and names_a_secret(name) else redact_values(value)
    return event


def _final(style: str) -> list[Processor]:
    if style == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # The default shows local variables where rich is installed, and tokens are among them.
    plain = structlog.dev.plain_traceback
    return [
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=plain)
    ]
