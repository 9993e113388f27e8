"""One transaction for each call, however many actions take part in it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TypeVar

from django.db import transaction
from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


class _Transaction:
    """What is known of the transaction under way."""

    def __init__(self) -> None:
        self.locked: dict[int, Model] = {}  # by identity: another instance of the row may be older than the lock
        self.after_commit: dict[Callable[[set[str]], None], set[str]] = {}


_current: ContextVar[_Transaction | None] = ContextVar("transaction", default=None)


@contextmanager
def joined_transaction() -> Iterator[None]:
    """Begin a transaction, or join the one that another `joined_transaction` has begun.

    Unlike `transaction.atomic`, an inner block has no savepoint, which would cost two round trips. An exception that leaves an
    inner block therefore rolls back everything. Where a caller goes on after one, it needs a `transaction.atomic` of its own.
    """
    if _current.get() is not None:
        with transaction.atomic(savepoint=False):
            yield
        return
    begun = _Transaction()
    token = _current.set(begun)
    try:
        with transaction.atomic():
            yield
            for call, items in begun.after_commit.items():
                transaction.on_commit(partial(call, items), robust=True)
    finally:
        _current.reset(token)


def after_commit(call: Callable[[set[str]], None], items: Iterable[str]) -> None:
    """Call `call` once after the commit, with the union of the items passed for it in this transaction; after a rollback, not at
    all. What it raises is logged."""
    if begun := _current.get():
        begun.after_commit.setdefault(call, set()).update(items)
    else:
        transaction.on_commit(partial(call, set(items)), robust=True)


def lock(rows: QuerySet[Row, Row], *, no_key: bool = True) -> Row | None:
    """The first of `rows`, locked until the transaction ends.

    no_key: use FOR NO KEY UPDATE, so rows that refer to it can still be inserted.
    """
    row = rows.select_for_update(of=("self",), no_key=no_key).first()
    return row and mark_locked(row)


def mark_locked(row: Row) -> Row:
    """Mark a row that was locked other than by `lock`, so that `is_locked` is true for it."""
    if begun := _current.get():
        begun.locked[id(row)] = row
    return row


def is_locked(row: Model) -> bool:
    """Whether this instance was read by `lock` in this transaction, and so is the row as it is now."""
    begun = _current.get()
    return begun is not None and begun.locked.get(id(row)) is row
