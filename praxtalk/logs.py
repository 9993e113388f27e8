"""Logging: one line per event, with the request id, as JSON in production or as text for a terminal.

When personal data is erased, the logs are not. So tracebacks include neither local variables, which may hold keys and secrets,
nor PostgreSQL's error messages, which quote values and whole rows.
"""

import traceback
from collections.abc import Iterator
from typing import Any, TextIO

import psycopg
import structlog
from django.db.utils import Error as DjangoDatabaseError

# How Python's own tracebacks link two exceptions.
CAUSE = "The above exception was the direct cause of the following exception:"
CONTEXT = "During handling of the above exception, another exception occurred:"

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logging_config(*, level: str, as_json: bool) -> dict[str, Any]:
    """Return the LOGGING setting, with `level` for PraxTalk's own loggers and WARNING for libraries.

    This also configures structlog.
    """
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    console = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=_write_traceback)
    renderer: Any = structlog.processors.JSONRenderer() if as_json else console
    errors = [structlog.processors.ExceptionRenderer(_traceback_text)] if as_json else []
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *errors, renderer],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "praxtalk": {"level": level},
            "django.request": {"level": "ERROR"},
            "django.security.DisallowedHost": {"level": "CRITICAL"},  # any client can cause it
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }


def _write_traceback(stream: TextIO, exc_info: Any) -> None:
    stream.write("\n" + _traceback_text(exc_info))


def _traceback_text(exc_info: Any) -> str:
    return "".join(_lines(exc_info[1], set())).rstrip("\n")


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    """Yield the lines of a traceback in Python's format, with the causes first."""
    seen.add(id(error))
    context = None if error.__suppress_context__ else error.__context__
    for earlier, link in ((error.__cause__, CAUSE), (context, CONTEXT)):
        if earlier is not None and id(earlier) not in seen:
            yield from _lines(earlier, seen)
            yield f"\n{link}\n\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__}: {_message(error)}\n"
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            if id(each) not in seen:
                yield from _lines(each, seen)


def _message(error: BaseException) -> str:
    if not isinstance(error, DjangoDatabaseError | psycopg.Error):
        return str(error)
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    if not isinstance(cause, psycopg.Error) or cause.sqlstate is None:
        return "(message omitted)"
    return f"SQLSTATE {cause.sqlstate}, constraint {cause.diag.constraint_name or 'none'} (message omitted)"
