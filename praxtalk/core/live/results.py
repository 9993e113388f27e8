"""The result of a function: a value or a failure. It is already encoded, so that it is encoded once for all its receivers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from praxtalk.core.live import wire_format


class Code(StrEnum):
    """`data.code` of the expected errors."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    NOT_FOUND = "NOT_FOUND"
    INVALID = "INVALID"
    CONFLICT = "CONFLICT"
    ARGS_TOO_LARGE = "ARGS_TOO_LARGE"
    TOO_MANY_QUERIES = "TOO_MANY_QUERIES"
    TOO_MANY_CONNECTIONS = "TOO_MANY_CONNECTIONS"
    RATE_LIMITED = "RATE_LIMITED"


class InvalidCall(Exception):
    """The call itself is invalid. The client gets a plain Error with this message."""


class FunctionError(Exception):
    """An expected error. The client gets a ConvexError whose data is {code, message, retryAfter?} and `more`."""

    def __init__(self, code: Code, message: str, *, retry_after: int | None = None, more: Any = None) -> None:
        """retry_after: seconds. more: further keys of the data, as a dictionary. Unlike a result, an error is never stored."""
        super().__init__(message)
        self.data: dict[str, Any] = {"code": code.value, "message": message, **(more or {})}
        if retry_after is not None:
            self.data["retryAfter"] = retry_after


@dataclass(frozen=True)
class Success:
    """A returned value. value: text in the wire format."""

    value: str

    @property
    def text(self) -> str:
        """Return text that is equal for equal results."""
        return self.value


@dataclass(frozen=True)
class Failure:
    """An error. data: the data of a ConvexError, as text in the wire format; None for a plain Error."""

    message: str
    data: str | None = None

    @property
    def text(self) -> str:
        """Return text that is equal for equal failures and differs from that of any Success, which is JSON."""
        return f"failed: {self.message}\0{self.data}"


Result = Success | Failure


def to_failure(error: InvalidCall | FunctionError) -> Failure:
    if isinstance(error, InvalidCall):
        return Failure(str(error))
    data = wire_format.encode(error.data)
    return Failure(f"Uncaught ConvexError: {data}", data)
