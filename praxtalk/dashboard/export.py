"""Rows of a list as a CSV file (RFC 4180), sent while they are read."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.http import StreamingHttpResponse

from praxtalk.data.timeouts import long_transaction

AT_ONCE = 500
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_response(name: str, columns: dict[str, Callable[[Any], object]], rows: Iterable[Any]) -> StreamingHttpResponse:
    """columns: by heading, what stands in it. With a byte order mark, by which Excel knows that it is UTF-8."""
    response = StreamingHttpResponse(_lines(columns, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


class _Echo:
    """What csv.writer writes is handed on."""

    def write(self, text: str) -> str:
        return text


def _lines(columns: dict[str, Callable[[Any], object]], rows: Iterable[Any]) -> Iterator[str]:
    writer: Any = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(columns)
    chunk: list[str] = []
    with long_transaction():
        for row in rows:
            chunk.append(writer.writerow(_harmless([column(row) for column in columns.values()])))
            if len(chunk) == AT_ONCE:
                yield "".join(chunk)
                chunk.clear()
        yield "".join(chunk)


def _harmless(cells: Sequence[object]) -> list[str]:
    """Text that a spreadsheet would take for a formula, an apostrophe before it (OWASP, CSV Injection)."""
    texts = ["" if cell is None else str(cell) for cell in cells]
    return [f"'{text}" if text.startswith(FORMULA) else text for text in texts]
