"""Structured logs: one JSON object a line, with the request's and the job's id in each, and nothing of what people
wrote: no message of an exception, which may quote a mail, and no path, which holds the names of contacts."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any

import psycopg
import structlog
from structlog.typing import EventDict, ExcInfo

from omnicrm import env


def level() -> str:
    """LOG_LEVEL, in the words of the logging module."""
    return env.choice("LOG_LEVEL", "INFO", "DEBUG", "WARNING", "ERROR")


def config(level: str, *, pretty: bool = False) -> dict[str, Any]:
    """Django's LOGGING. Library records and our own take the same way out, to stderr."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        view_for_path,
        structlog.processors.ExceptionRenderer(way_to_exception),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer = structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structlog": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structlog"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level},
            "django.request": {"level": "ERROR"},  # omnicrm.middleware has a line for every request
            "django.server": {"handlers": [], "level": "WARNING"},
            "gunicorn.error": {"handlers": [], "propagate": True},
            "googleapiclient": {"level": "ERROR"},  # its warnings quote answers
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }


def view_of(request: Any) -> str:
    """The name of the page that was asked for, such as `contacts:page`; empty where there is none."""
    match = getattr(request, "resolver_match", None)
    return match.view_name if match else ""


def view_for_path(_: Any, method: str, event: EventDict) -> EventDict:
    """Django ends its sentences about a request with the path: say which page instead."""
    request = getattr(event.get("_record"), "request", None)
    if path := getattr(request, "path", ""):
        event["event"] = str(event["event"]).replace(path, view_of(request))
    return event


def way_to_exception(exc_info: ExcInfo) -> str:
    """The frames that led to an exception and to those behind it, and of what kind each was."""
    return "\ncaused by\n".join(
        "".join(traceback.format_tb(error.__traceback__)) + kind(error) for error in behind(exc_info[1])
    )


def behind(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def kind(error: BaseException) -> str:
    """Its class; and of an error of the database, which rule it broke."""
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    if isinstance(error, psycopg.Error):
        names = (error.sqlstate, error.diag.table_name, error.diag.constraint_name)
        return " ".join([name, *filter(None, names)])
    return name
