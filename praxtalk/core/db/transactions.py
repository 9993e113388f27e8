"""Let actions that call each other share one transaction."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TypeVar

from django.db import transaction
from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


class _Transaction:
    """The state of the current transaction."""

    def __init__(self) -> None:
        self.locked: dict[int, Model] = {}  # by id(): another instance of the row may be older than the lock
        self.after_commit: dict[Callable[[set[str]], None], set[str]] = {}


_current: ContextVar[_Transaction | None] = ContextVar("transaction", default=None)


@contextmanager
def joined_transaction() -> Iterator[None]:
    """Begin a transaction, or join the one that another `joined_transaction` has begun.

    Unlike `transaction.atomic`, an inner block has no savepoint, which would cost two round trips. An exception that leaves an
    inner block therefore rolls back everything. A caller that continues after one needs its own `transaction.atomic`.
    """
    if _current.get() is not None:
        with transaction.atomic(savepoint=False):
            yield
        return
    state = _Transaction()
    token = _current.set(state)
    try:
        with transaction.atomic():
            yield
            for call, items in state.after_commit.items():
                transaction.on_commit(partial(call, items), robust=True)
    finally:
        _current.reset(token)


def after_commit(call: Callable[[set[str]], None], items: Iterable[str]) -> None:
    """Call `call` once after the commit, with all items that are passed for it during this transaction, as one set.

    After a rollback, it is not called. Exceptions that it raises are logged.
    """
    if state := _current.get():
        state.after_commit.setdefault(call, set()).update(items)
    else:
        transaction.on_commit(partial(call, set(items)), robust=True)


def lock(rows: QuerySet[Row, Row], *, no_key: bool = True) -> Row | None:
    """Return the first of `rows`, locked until the transaction ends, or None if there is none.

    no_key: use FOR NO KEY UPDATE, so that rows that reference it can still be inserted.
    """
    row = rows.select_for_update(of=("self",), no_key=no_key).first()
    return row and mark_locked(row)


def mark_locked(row: Row) -> Row:
    """Mark a row that was locked by other means than `lock`, so that `is_locked` returns True for it. Return the row."""
    if state := _current.get():
        state.locked[id(row)] = row
    return row


def is_locked(row: Model) -> bool:
    """Return whether this instance was locked in this transaction, by `lock` or another query, and so is up to date."""
    state = _current.get()
    return state is not None and state.locked.get(id(row)) is row
