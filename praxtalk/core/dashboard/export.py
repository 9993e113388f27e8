"""Streamed downloads, such as the rows of a list as a CSV file (RFC 4180)."""

import csv
import re
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.conf import settings
from django.http import StreamingHttpResponse

from praxtalk.core.api.outgoing_slots import NoFreeSlot, slot_count
from praxtalk.core.db.timeouts import long_transaction

ROWS_PER_CHUNK = 500
FORMULA_START = re.compile(r"[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]\s*[\d(][\d\s().,/-]*")  # a plain number or a phone number
FORMULA_AFTER_SEPARATOR = re.compile(r"""([;,\t\r\n]"*)(?=[=@]|[+-][^\s\d.(])""")

_slots = threading.BoundedSemaphore(slot_count(settings.WEB_THREADS))


class ExportResponse(StreamingHttpResponse):
    """A streamed file. It occupies a web thread and an export slot of the process until the client has read it.

    Raises NoFreeSlot if the process has no free export slot.
    """

    def __init__(self, content: Iterable[bytes | str], *, filename: str, content_type: str) -> None:
        if not _slots.acquire(blocking=False):
            raise NoFreeSlot("Too many exports are being downloaded.")
        self._release = weakref.finalize(self, _slots.release)  # also if the response is never closed
        super().__init__(content, content_type=content_type)
        self["Content-Disposition"] = f'attachment; filename="{filename}"'
        self["X-Content-Type-Options"] = "nosniff"
        self["Cache-Control"] = "no-store"

    def close(self) -> None:
        super().close()
        self._release()


def csv_response(
    name: str, columns: dict[str, Callable[[Any], object]], rows: Iterable[Any], *, separator: str = ","
) -> ExportResponse:
    """Return the rows as a CSV file for download. Raises NoFreeSlot.

    columns: maps each heading to a function that returns a row's value. Every cell is quoted. The file begins with a byte order
    mark, so that Excel reads it as UTF-8. separator: Excel expects ";" where a comma separates decimals.
    """
    lines = _lines(columns, rows, separator)
    return ExportResponse(lines, filename=f"{name}.csv", content_type="text/csv; charset=utf-8")


class _Echo:
    """A file-like object whose write() returns the text."""

    def write(self, text: str) -> str:
        return text


def _lines(columns: dict[str, Callable[[Any], object]], rows: Iterable[Any], separator: str) -> Iterator[str]:
    writer: Any = csv.writer(_Echo(), delimiter=separator, quoting=csv.QUOTE_ALL)
    yield "\ufeff" + writer.writerow(columns)
    chunk: list[str] = []
    with long_transaction():
        for row in rows:
            chunk.append(writer.writerow([_cell(column(row)) for column in columns.values()]))
            if len(chunk) == ROWS_PER_CHUNK:
                yield "".join(chunk)
                chunk.clear()
        yield "".join(chunk)


def _cell(value: object) -> str:
    """Return the text of a cell. An apostrophe stands before what a spreadsheet would run as a formula (OWASP, CSV Injection).

    A sign before a number or a phone number is no formula. A spreadsheet that expects another separator ends cells at ";", ","
    or a line break inside of them, so a formula is also guarded there.
    """
    text = "" if value is None else str(value)
    if FORMULA_START.match(text) and not NUMBER.fullmatch(text):
        text = f"'{text}"
    return FORMULA_AFTER_SEPARATOR.sub(r"\1'", text)
