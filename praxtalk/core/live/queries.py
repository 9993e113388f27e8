"""The queries of one socket. Each is bound to its caller and to a SharedQuery, which equal queries of other sockets share.

1. To add a query: parse the call, identify the caller, validate the arguments, then listen. The caller is itself the result of a
   SharedQuery, so that the revocation of a token arrives like any other change.
2. When a token becomes invalid, or gives access to other brands, its queries are bound again.
3. The socket's worker task does all of this. A SharedQuery only passes on its results.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from praxtalk.core.live import executor, functions
from praxtalk.core.live.executor import Answer
from praxtalk.core.live.functions import Caller, FunctionCall, TokenAuthenticator, WrongArguments, failure_from
from praxtalk.core.live.hub import Hub
from praxtalk.core.live.limits import MAX_QUERIES, ConnectionSlots
from praxtalk.core.live.protocol import Add
from praxtalk.core.live.results import Code, Failure, FunctionError
from praxtalk.core.live.session import Session
from praxtalk.core.live.shared_queries import QueryRun, SharedQuery

QUERY_REFRESH_INTERVAL = 60.0
IDENTITY_REFRESH_INTERVAL = 30.0


@dataclass(frozen=True)
class TokenChanged:
    """The caller behind `token` changed. None: the connection limit that rejected every query no longer applies, or a
    SharedQuery failed."""

    token: str | None


class Identity:
    """The caller behind a token, as last reported to this socket."""

    def __init__(self, queries: "Queries", token: str) -> None:
        self.first_run = 0
        self.watch: SharedQuery[Any] | None = None
        self.known: asyncio.Future[Caller | Failure] = asyncio.get_running_loop().create_future()
        self.caller: Caller | Failure = Failure("Not known yet.")
        self._queries, self._token = queries, token

    def on_result(self, reading: QueryRun[Any]) -> None:
        was, self.caller = self.caller, reading.value
        if not self.known.done():
            self.known.set_result(reading.value)
        elif was != reading.value:
            self._queries.wake(TokenChanged(self._token))

    def on_error(self) -> None:
        self._queries.broke_off()


class Query:
    """One query of the socket, a listener of its SharedQuery."""

    def __init__(self, queries: "Queries", query_id: int, call: FunctionCall) -> None:
        self.first_run = 0
        self.watch: SharedQuery[Any] | None = None
        self.is_awaited = False
        self.is_authorised = False
        self.id, self.call = query_id, call
        self._queries = queries

    def on_result(self, reading: QueryRun[Any]) -> None:
        self._queries.answered(self, reading.value)

    def on_error(self) -> None:
        self._queries.broke_off()


class Queries:
    def __init__(
        self,
        hub: Hub,
        session: Session,
        slots: ConnectionSlots,
        *,
        on_news: Callable[[], None],
        wake: Callable[[TokenChanged], None],
    ) -> None:
        """on_news: called when the session may have unsent results. wake: puts a message into the inbox of the worker task."""
        self.socket_token: str | None = None
        self._hub, self._session, self._slots, self._on_news, self.wake = hub, session, slots, on_news, wake
        self._queries: dict[int, Query] = {}
        self._identities: dict[str, Identity] = {}
        self._all_told = asyncio.Event()
        self._broke_off = self._is_over = False

    @property
    def is_authorised(self) -> bool:
        """Return whether the socket is authenticated, or at least one of its queries has an authenticated caller."""
        socket = self._identities.get(self.socket_token or "")
        knows_socket = socket is not None and not isinstance(socket.caller, Failure)
        return knows_socket or any(query.is_authorised for query in self._queries.values())

    async def add(self, message: Add) -> None:
        self._session.added(message.query_id)
        try:
            if len(self._queries) >= MAX_QUERIES:
                raise FunctionError(Code.TOO_MANY_QUERIES, f"One connection may watch {MAX_QUERIES} queries.")
            call = functions.parse_call(message.name, message.arguments, kind="query", socket_token=None)
        except (FunctionError, WrongArguments) as error:
            self._session.answered(message.query_id, Answer(failure_from(error)))
            return
        query = self._queries[message.query_id] = Query(self, message.query_id, call)
        await self._bind(query)

    def remove(self, query_id: int) -> None:
        self._session.removed(query_id)
        if query := self._queries.pop(query_id, None):
            self._unbind(query)
            self._forget_identities()

    async def authenticate(self, token: str | None) -> str | None:
        """Use `token` for the socket from now on; None signs out. Return the error message if the token is rejected."""
        if token is not None:
            refusal = "There is no such token."
            for authenticator in functions.authenticators():
                caller = await self._identify(authenticator, token)
                if not isinstance(caller, Failure):
                    break
                refusal = caller.message
            else:
                return refusal
        self.socket_token = token
        for query in list(self._queries.values()):
            if query.call.token is None:
                await self._bind(query)
        self._forget_identities()
        return None

    async def rebind(self, token: str | None) -> None:
        """Bind the queries of `token` again, because its caller has changed. None: the queries of all tokens."""
        for query in list(self._queries.values()):
            if token in (None, query.call.token or self.socket_token):
                await self._bind(query)
        await self.wait_for_results(None)

    def read_again(self, topics: set[str]) -> None:
        """Request a run of each query that depends on `topics`, which this socket's mutation changed, and await its result."""
        for query in self._queries.values():
            if query.watch is not None and topics & query.watch.topics:
                self._await(query, query.watch.request_run(is_urgent=True))

    async def wait_for_results(self, seconds: float | None) -> None:
        """Wait until every awaited result has arrived, but no longer than `seconds`; None: no limit.

        Raises RuntimeError, which closes the socket, if a SharedQuery failed.
        """
        while not self._is_over and any(query.is_awaited for query in self._queries.values()):
            self._all_told.clear()
            try:
                await asyncio.wait_for(self._all_told.wait(), seconds)
            except TimeoutError:
                return
            if self._broke_off:
                break
        if self._broke_off:
            raise RuntimeError("a watch of this socket broke off")

    def answered(self, query: Query, answer: Answer) -> None:
        query.is_awaited = False
        self._session.answered(query.id, answer)
        self._all_told.set()
        self._on_news()

    def broke_off(self) -> None:
        self._broke_off = True
        self._all_told.set()
        self.wake(TokenChanged(None))

    def abandon(self) -> None:
        """Stop waiting for results and callers, now and from now on: the client has disconnected."""
        self._is_over = True
        self._all_told.set()
        for identity in self._identities.values():
            if not identity.known.done():
                identity.known.set_result(identity.caller)

    def leave(self) -> None:
        """Leave all shared queries. Call this only after all other work of the socket has finished."""
        for query in self._queries.values():
            self._unbind(query)
        self._queries.clear()
        self.socket_token = None
        self._forget_identities()

    async def _bind(self, query: Query) -> None:
        call = query.call
        try:
            caller = await self._caller(call)
            arguments = call.checked()
            if await self._slots.are_taken(caller.session):
                raise FunctionError(Code.TOO_MANY_CONNECTIONS, "Too many connections.")
        except (FunctionError, WrongArguments) as error:
            self._unbind(query)
            self._session.answered(query.id, Answer(failure_from(error)))
            return
        query.is_authorised = True
        principal_id = caller.principal_id if call.function.is_personal(arguments) else None
        key = (call.function.name, call.fingerprint, caller.scope, principal_id)
        if query.watch is not None and query.watch.key == key:
            return
        self._unbind(query)
        query.is_authorised = query.is_awaited = True
        topics = frozenset(call.function.topics_of(caller, arguments))
        read = partial(_read, call, caller, arguments)
        query.watch = await self._hub.listen(
            query, key, topics=topics, read=read, name=call.function.name, refresh_interval=QUERY_REFRESH_INTERVAL
        )

    def _await(self, query: Query, first_run: int) -> None:
        query.first_run, query.is_awaited = first_run, True

    def _unbind(self, query: Query) -> None:
        if query.watch is not None:
            self._hub.leave(query.watch, query)
        query.watch, query.is_awaited, query.is_authorised = None, False, False

    async def _caller(self, call: FunctionCall) -> Caller:
        """Return the caller of `call`. Raises FunctionError if there is no valid token."""
        authenticator, token = call.function.authenticator, call.token or self.socket_token
        if not token:
            raise FunctionError(Code.UNAUTHENTICATED, f"Pass {authenticator.argument}, or authenticate the connection.")
        caller = await self._identify(authenticator, token)
        if isinstance(caller, Failure):
            raise FunctionError(Code.UNAUTHENTICATED, caller.message)
        return caller

    async def _identify(self, authenticator: TokenAuthenticator, token: str) -> Caller | Failure:
        identity = self._identities.get(token)
        if identity is None:
            identity = self._identities[token] = Identity(self, token)
            try:
                topics = frozenset(authenticator.topics(token))
            except FunctionError as error:
                identity.caller = Failure(str(error))
                return identity.caller
            key = ("identity", authenticator.argument, hashlib.sha256(token.encode()).digest())
            read = partial(_identity, authenticator, token)
            identity.watch = await self._hub.listen(
                identity, key, topics=topics, read=read, name="identity", refresh_interval=IDENTITY_REFRESH_INTERVAL
            )
            if not self._is_over:
                await identity.known
        return identity.caller

    def _forget_identities(self) -> None:
        """Leave the identities whose tokens this socket no longer uses."""
        used = {query.call.token or self.socket_token for query in self._queries.values()} | {self.socket_token}
        for token in [token for token in self._identities if token not in used]:
            identity = self._identities.pop(token)
            if identity.watch is not None:
                self._hub.leave(identity.watch, identity)


def _read(call: FunctionCall, caller: Caller, arguments: dict[str, Any]) -> tuple[Answer, datetime | None]:
    answer = executor.answer(call, caller, arguments)
    return answer, answer.until


def _identity(authenticator: TokenAuthenticator, token: str) -> tuple[Any, datetime | None]:
    """Return the Caller and the time at which the token expires, or a Failure with the reason and None."""
    try:
        caller = authenticator.open(token)
    except FunctionError as refusal:
        return Failure(str(refusal)), None
    return caller, caller.expires_at
