"""Querysets whose SQL is compiled once per process.

The ORM compiles the SQL of a query each time it runs, which takes several times as long as PostgreSQL takes to execute it. The
most frequent queries are therefore compiled once:

    @compiled(literal=("limit",))
    def _newest(workspace_id, status, limit):
        rows = Book.objects.filter(workspace_id=workspace_id)
        if status is not None:
            rows = rows.filter(status=status)
        return rows.order_by("-created_at")[:limit]

    books = _newest(workspace_id=..., status=None, limit=50)

The decorated function receives a Parameter in place of each value that is neither None nor literal. Its SQL is cached once for
each combination of arguments that are None and values of the literal arguments. The function may use a Parameter wherever the ORM
accepts an expression, and may test whether an argument is None.
"""

import copy
import inspect
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any, NamedTuple, TypeVar

from django.db import connections
from django.db.models import Expression, QuerySet
from django.db.transaction import TransactionManagementError

CACHE_SIZE = 256  # cached statements of each function

Row = TypeVar("Row")


class Parameter(Expression):
    """A placeholder for a value that is supplied when the query runs."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]


class _CompiledQuery(NamedTuple):
    rows: QuerySet[Any, Any]
    compiler: Any
    sql: str
    params: tuple[Any, ...]
    converters: dict[int, Any]  # from column index to functions that convert to Python values


class _Query:
    """Provides what Django's iterables need from a queryset and its `query`, with SQL that is already compiled."""

    def __init__(self, compiled_query: _CompiledQuery, values: dict[str, Any]) -> None:
        self.query, self.db = self, compiled_query.rows.db
        self._known_related_objects: dict[Any, Any] = {}
        self._compiled_query, self._values = compiled_query, values

    def get_compiler(self, using: str) -> Any:
        _, compiler, sql, params, converters = self._compiled_query
        values = tuple(self._values[each.name] if isinstance(each, Parameter) else each for each in params)
        compiler = copy.copy(compiler)
        compiler.connection = connections[using]
        if compiler.query.select_for_update and compiler.connection.get_autocommit():
            raise TransactionManagementError("Rows can be locked only inside a transaction.")
        compiler.as_sql = lambda: (sql, values)
        compiler.get_converters = lambda _: converters
        return compiler


def compiled(*, literal: Sequence[str] = ()) -> Callable[[Callable[..., QuerySet[Any, Row]]], Callable[..., list[Row]]]:
    """Compile the SQL of a queryset function once per process, and return its rows as a list.

    literal: the names of arguments that become part of the SQL, such as the end of a slice.
    Call the function with keyword arguments only. Its querysets must return instances or use `values_list`.
    """

    def decorate(build: Callable[..., QuerySet[Any, Row]]) -> Callable[..., list[Row]]:
        names = tuple(inspect.signature(build).parameters)

        @lru_cache(CACHE_SIZE)
        def compile_query(*signature: Any) -> _CompiledQuery:
            arguments = {
                name: Parameter(name) if value is Parameter else value
                for name, value in zip(names, signature, strict=True)
            }
            rows = build(**arguments)
            compiler = rows.query.get_compiler(rows.db)
            sql, params = compiler.as_sql()
            converters = compiler.get_converters([column for column, *_ in compiler.select[: compiler.col_count]])
            compiler.connection = None  # otherwise the cache would keep this thread's connection
            return _CompiledQuery(rows, compiler, sql, tuple(params), converters)

        @wraps(build)
        def run(**values: Any) -> list[Row]:
            signature = (values[name] if name in literal or values[name] is None else Parameter for name in names)
            compiled_query = compile_query(*signature)
            iterable: Any = compiled_query.rows._iterable_class
            rows: list[Row] = list(iterable(_Query(compiled_query, values)))
            return rows

        return run

    return decorate
