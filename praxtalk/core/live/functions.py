"""The registry of live functions, such as `books:list`. Each app registers its own in its `live` module.

A query declares the topics that it depends on, and runs again when one of them is published. A mutation calls one action.
"""

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import orjson
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import Serializer

from praxtalk.core.api.errors import error_message
from praxtalk.core.live import wire_format
from praxtalk.core.live.results import Code, FunctionError, InvalidCall

MAX_ARGUMENTS = 256 * 1024

Arguments = dict[str, Any]  # the validated arguments of a call, by name
Run = Callable[[Any, Arguments], Any]
Topics = Callable[[Any, Arguments], list[str]]
Personal = Callable[[Arguments], bool] | bool


class Caller(Protocol):
    """The authenticated caller of a function, as returned by `TokenAuthenticator.authenticate`."""

    @property
    def workspace_id(self) -> Any: ...
    @property
    def scope(self) -> Hashable:
        """Return the access scope. Callers with equal scopes get equal results, except from personal queries."""

    @property
    def principal_id(self) -> str:
        """Return an id of the operator or visitor, which is the same for all their tokens."""

    @property
    def session(self) -> str:
        """Return the id of the session, which is the same for all tokens issued for it."""

    @property
    def expires_at(self) -> datetime: ...

    def audit_actor(self) -> AbstractContextManager[None]:
        """Return a context manager. Changes made inside it are recorded as made by this caller."""


class TokenAuthenticator(Protocol):
    """Authenticates tokens of one kind.

    argument: the function argument that contains the token, unless the socket itself is authenticated.
    """

    argument: str

    def topics(self, token: str) -> tuple[str, ...]:
        """Return the topics on which possible changes of the caller behind `token` are published. Runs no database query.

        Raises FunctionError if PraxTalk did not sign the token.
        """

    def authenticate(self, token: str) -> Any:
        """Return the Caller. Raises FunctionError if the token is not valid."""

    def issued_to(self, token: str) -> tuple[UUID, str]:
        """Return (workspace_id, principal_id) of a correctly signed token, even if it has expired or been revoked.

        Raises FunctionError if PraxTalk did not sign the token.
        """


@dataclass(frozen=True)
class ExpiringResult:
    """A query's value, and when it changes even if nothing is written. `expires_at` is None if it does not."""

    value: Any
    expires_at: datetime | None


@dataclass(frozen=True)
class Function:
    """A registered query or mutation.

    topics: for a query, (caller, arguments) -> topic names; None for a mutation.
    personal: for a query, whether its value depends on the caller's `principal_id` and not only on their scope; or a callable
    (arguments) -> bool.
    is_ephemeral: for a mutation, whether it may be executed twice, so that it is not written to the mutation log.
    """

    name: str
    authenticator: TokenAuthenticator
    serializer_class: type[Serializer[Any]]
    run: Run
    topics: Topics | None = None
    personal: Personal = False
    is_ephemeral: bool = False

    def topics_of(self, caller: Any, arguments: dict[str, Any]) -> list[str]:
        return self.topics(caller, arguments) if self.topics else []

    def is_personal(self, arguments: dict[str, Any]) -> bool:
        return self.personal if isinstance(self.personal, bool) else self.personal(arguments)


@dataclass(frozen=True)
class FunctionCall:
    """A function with the decoded arguments and the token of a call. Neither has been validated yet."""

    function: Function
    token: str | None
    arguments: dict[str, Any] = field(repr=False)

    @property
    def fingerprint(self) -> bytes:
        """Return bytes that are equal for equal arguments, regardless of the token."""
        return orjson.dumps(self.arguments, option=orjson.OPT_SORT_KEYS, default=repr)

    def validated_arguments(self) -> dict[str, Any]:
        """Return the arguments as validated by the serializer. Raises InvalidCall, which names the invalid ones."""
        serializer = self.function.serializer_class(data=self.arguments)
        try:
            serializer.is_valid(raise_exception=True)
        except ValidationError as error:
            raise InvalidCall(f"ArgumentValidationError: {error_message(error)}") from error
        validated: dict[str, Any] = serializer.validated_data
        return validated


_functions: dict[str, Function] = {}


def query(
    name: str,
    *,
    authenticator: TokenAuthenticator,
    serializer_class: type[Serializer[Any]],
    topics: Topics,
    personal: Personal = False,
) -> Callable[[Run], Run]:
    """Register a function (caller, arguments) -> JSON value or ExpiringResult as a query."""

    def register(run: Run) -> Run:
        _functions[name] = Function(name, authenticator, serializer_class, run, topics, personal)
        return run

    return register


def mutation(
    name: str, *, authenticator: TokenAuthenticator, serializer_class: type[Serializer[Any]], is_ephemeral: bool = False
) -> Callable[[Run], Run]:
    """Register a function (caller, arguments) -> JSON value as a mutation. It runs in a transaction and calls one action.

    is_ephemeral: the mutation only reports a state of the moment, such as typing, and may be executed twice. It is not written
    to the mutation log.
    """

    def register(run: Run) -> Run:
        _functions[name] = Function(name, authenticator, serializer_class, run, is_ephemeral=is_ephemeral)
        return run

    return register


def authenticators() -> list[TokenAuthenticator]:
    """Return every authenticator that a registered function uses."""
    return list({id(function.authenticator): function.authenticator for function in _functions.values()}.values())


def all_functions() -> dict[str, Function]:
    """Return all registered functions by name."""
    return dict(_functions)


def parse_call(name: str, wire_arguments: Any, *, kind: str, socket_token: str | None) -> FunctionCall:
    """Parse a client's call. Raises InvalidCall if it is invalid, FunctionError if the arguments are too large.

    wire_arguments: the received JSON: [], [{...}] or {...}.
    kind: "query", "mutation" or "action".
    socket_token: used if the arguments contain no token.
    """
    function = _functions.get(_canonical(name))
    if function is None or kind == "action" or (function.topics is None) != (kind == "mutation"):
        raise InvalidCall(f"Could not find public function for {name!a}. Is it a {kind}?")
    try:
        length = len(orjson.dumps(wire_arguments))
    except orjson.JSONEncodeError as error:
        raise InvalidCall(f"ArgumentValidationError: {error}.") from error
    if length > MAX_ARGUMENTS:
        raise FunctionError(Code.ARGS_TOO_LARGE, f"The arguments must not exceed {MAX_ARGUMENTS // 1024} kB.")
    if isinstance(wire_arguments, list) and len(wire_arguments) <= 1:
        wire_arguments = wire_arguments[0] if wire_arguments else {}
    if not isinstance(wire_arguments, dict):
        raise InvalidCall("ArgumentValidationError: arguments must be one object.")
    try:
        arguments = wire_format.decode(wire_arguments)
    except wire_format.UnsupportedValue as error:
        raise InvalidCall(f"ArgumentValidationError: {error}.") from error
    token = arguments.pop(function.authenticator.argument, None)
    if token is not None and not isinstance(token, str):
        raise InvalidCall(f"ArgumentValidationError: {function.authenticator.argument}: must be a string.")
    return FunctionCall(function, token if token is not None else socket_token, arguments)


def _canonical(name: str) -> str:
    """Remove `.js`: `messages.js:list` means `messages:list`. The default function name is `default`."""
    module, _, function = name.partition(":")
    return f"{module.removesuffix('.js')}:{function or 'default'}"
