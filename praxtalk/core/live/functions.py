"""What can be asked: `conversations:listInbox` and its like, registered by the apps' live.py.

A query names the topics that it depends on; it runs again when one of them changes. A mutation calls one action.
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
from praxtalk.core.live.results import Code, Failure, FunctionError, failure_of

MAX_ARGUMENTS = 256 * 1024

Run = Callable[[Any, dict[str, Any]], Any]
Topics = Callable[[Any, dict[str, Any]], list[str]]
Personal = Callable[[dict[str, Any]], bool] | bool


class Caller(Protocol):
    """Who asks, as a door found out from a token."""

    @property
    def workspace_id(self) -> Any: ...
    @property
    def scope(self) -> Hashable:
        """Callers of equal scope get equal answers."""

    @property
    def principal_id(self) -> str:
        """The same whichever of their tokens they come with."""

    @property
    def session(self) -> str:
        """Of this token and all that are minted with it."""

    @property
    def expires_at(self) -> datetime: ...

    def acting(self) -> AbstractContextManager[None]:
        """What is done inside is recorded as theirs."""


class TokenAuthenticator(Protocol):
    """One kind of token: `argument` carries it where the socket itself is not authenticated."""

    argument: str

    def topics(self, token: str) -> tuple[str, ...]:
        """What may change who this is. Reads no database. Raises Refused for what is no token of ours."""

    def open(self, token: str) -> Any:
        """The Caller. Raises Refused."""

    def issued_to(self, token: str) -> tuple[UUID, str]:
        """The workspace and the person, of a token that we signed and that may be good no more. Raises Refused."""


@dataclass(frozen=True)
class ExpiringResult:
    """A query's value that is different after `until` with nothing written meanwhile."""

    value: Any
    until: datetime | None


@dataclass(frozen=True)
class Function:
    """topics: of a query, (caller, arguments) -> names; None for a mutation.

    personal: of a query, whether its value depends on the person beyond their scope; or (arguments) -> whether.
    """

    name: str
    authenticator: TokenAuthenticator
    shape: type[Serializer[Any]]
    run: Run
    topics: Topics | None = None
    personal: Personal = False

    def topics_of(self, caller: Any, arguments: dict[str, Any]) -> list[str]:
        return self.topics(caller, arguments) if self.topics else []

    def is_personal(self, arguments: dict[str, Any]) -> bool:
        return self.personal if isinstance(self.personal, bool) else self.personal(arguments)


@dataclass(frozen=True)
class FunctionCall:
    """A function with its arguments and the token that came with them, read but not yet checked."""

    function: Function
    token: str | None
    arguments: dict[str, Any] = field(repr=False)

    @property
    def fingerprint(self) -> bytes:
        """Equal for equal arguments, the token aside."""
        return orjson.dumps(self.arguments, option=orjson.OPT_SORT_KEYS, default=repr)

    def checked(self) -> dict[str, Any]:
        """The arguments as the function takes them. Raises WrongArguments naming one."""
        serializer = self.function.shape(data=self.arguments)
        try:
            serializer.is_valid(raise_exception=True)
        except ValidationError as error:
            raise WrongArguments(f"ArgumentValidationError: {error_message(error)}") from error
        validated: dict[str, Any] = serializer.validated_data
        return validated


class WrongArguments(Exception):
    """The call itself is wrong: a plain Error for the client, with this sentence."""


_functions: dict[str, Function] = {}


def query(
    name: str,
    *,
    authenticator: TokenAuthenticator,
    shape: type[Serializer[Any]],
    topics: Topics,
    personal: Personal = False,
) -> Callable[[Run], Run]:
    """Registers (caller, arguments) -> JSON value or Fading as a query."""

    def register(run: Run) -> Run:
        _functions[name] = Function(name, authenticator, shape, run, topics, personal)
        return run

    return register


def mutation(name: str, *, authenticator: TokenAuthenticator, shape: type[Serializer[Any]]) -> Callable[[Run], Run]:
    """Registers (caller, arguments) -> JSON value as a mutation. It runs in a transaction, and calls one action."""

    def register(run: Run) -> Run:
        _functions[name] = Function(name, authenticator, shape, run)
        return run

    return register


def authenticators() -> list[TokenAuthenticator]:
    """Each kind of token that some function takes."""
    return list({id(function.authenticator): function.authenticator for function in _functions.values()}.values())


def every_function() -> dict[str, Function]:
    """All of them, by name."""
    return dict(_functions)


def parse_call(name: str, wire_arguments: Any, *, kind: str, socket_token: str | None) -> FunctionCall:
    """What a client asks for. Raises WrongArguments and Refused.

    wire_arguments: the JSON that came: [], [{...}] or {...}.
    kind: "query", "mutation" or "action".
    """
    function = _functions.get(_canonical(name))
    if function is None or kind == "action" or (function.topics is None) != (kind == "mutation"):
        raise WrongArguments(f"Could not find public function for {name!a}. Is it a {kind}?")
    try:
        length = len(orjson.dumps(wire_arguments))
    except orjson.JSONEncodeError as error:
        raise WrongArguments(f"ArgumentValidationError: {error}.") from error
    if length > MAX_ARGUMENTS:
        raise FunctionError(Code.ARGS_TOO_LARGE, f"Arguments may be {MAX_ARGUMENTS // 1024} kB long.")
    if isinstance(wire_arguments, list) and len(wire_arguments) <= 1:
        wire_arguments = wire_arguments[0] if wire_arguments else {}
    if not isinstance(wire_arguments, dict):
        raise WrongArguments("ArgumentValidationError: pass one object.")
    try:
        arguments = wire_format.decode(wire_arguments)
    except wire_format.UnsupportedValue as error:
        raise WrongArguments(f"ArgumentValidationError: {error}.") from error
    token = arguments.pop(function.authenticator.argument, None)
    if token is not None and not isinstance(token, str):
        raise WrongArguments(f"ArgumentValidationError: {function.authenticator.argument}: must be a string.")
    return FunctionCall(function, token if token is not None else socket_token, arguments)


def failure_from(error: WrongArguments | FunctionError) -> Failure:
    return failure_of(error) if isinstance(error, FunctionError) else Failure(str(error))


def _canonical(name: str) -> str:
    """`conversations.js:listInbox` and `conversations:listInbox` are one; no function means `default`."""
    module, _, function = name.partition(":")
    return f"{module.removesuffix('.js')}:{function or 'default'}"
