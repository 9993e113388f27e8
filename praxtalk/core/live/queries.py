"""The queries of one socket. Each is bound to its caller and to a SharedQuery, which equal queries of other sockets share.

1. To add a query: parse the call, identify the caller (praxtalk/core/live/identities.py), validate the arguments, then listen.
2. When a token becomes invalid, or gives access to other brands, its queries are bound again.
3. The socket's worker task does all of this. A SharedQuery only passes on its results.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from praxtalk.core.live import executor, functions
from praxtalk.core.live.executor import QueryOutcome
from praxtalk.core.live.functions import Caller, FunctionCall
from praxtalk.core.live.hub import Hub
from praxtalk.core.live.identities import Identities
from praxtalk.core.live.limits import MAX_QUERIES, ConnectionSlots
from praxtalk.core.live.protocol import Add
from praxtalk.core.live.results import Code, Failure, FunctionError, InvalidCall, to_failure
from praxtalk.core.live.session import Session
from praxtalk.core.live.shared_queries import QueryRun, SharedQuery

REFRESH_INTERVAL = 60.0


@dataclass(frozen=True)
class TokenChanged:
    """The caller behind `token` changed.

    None: the connection limit that rejected every query no longer applies, or a SharedQuery failed.
    """

    token: str | None


class Query:
    """One query of the socket, a listener of its SharedQuery."""

    def __init__(self, queries: "Queries", query_id: int, call: FunctionCall) -> None:
        self.first_run = 0
        self.shared_query: SharedQuery[Any] | None = None
        self.is_awaited = False
        self.is_authorised = False
        self.id, self.call = query_id, call
        self._queries = queries

    def on_result(self, run: QueryRun[Any]) -> None:
        self._queries.set_result(self, run.value)

    def on_error(self) -> None:
        self._queries.fail()


class Queries:
    """All queries of one socket."""

    def __init__(
        self,
        hub: Hub,
        session: Session,
        slots: ConnectionSlots,
        *,
        on_pending_results: Callable[[], None],
        wake: Callable[[TokenChanged], None],
    ) -> None:
        """Create the queries of a socket.

        on_pending_results: called when the session may have unsent results. wake: puts a message into the inbox of the worker
        task.
        """
        self.socket_token: str | None = None
        self._hub, self._session, self._slots = hub, session, slots
        self._on_pending_results, self._wake = on_pending_results, wake
        self._queries: dict[int, Query] = {}
        self._identities = Identities(hub, on_change=lambda token: wake(TokenChanged(token)), on_error=self.fail)
        self._result_arrived = asyncio.Event()
        self._has_failed = self._is_cancelled = False

    @property
    def is_authorised(self) -> bool:
        """Return whether the socket is authenticated, or at least one of its queries has an authenticated caller."""
        is_socket_authenticated = self._identities.is_authenticated(self.socket_token)
        return is_socket_authenticated or any(query.is_authorised for query in self._queries.values())

    async def add(self, message: Add) -> None:
        self._session.add_query(message.query_id)
        try:
            if len(self._queries) >= MAX_QUERIES:
                raise FunctionError(Code.TOO_MANY_QUERIES, f"A connection may have at most {MAX_QUERIES} queries.")
            call = functions.parse_call(message.name, message.arguments, kind="query", socket_token=None)
        except (FunctionError, InvalidCall) as error:
            self._session.set_result(message.query_id, QueryOutcome(to_failure(error)))
            return
        query = self._queries[message.query_id] = Query(self, message.query_id, call)
        await self._bind(query)

    def remove(self, query_id: int) -> None:
        self._session.remove_query(query_id)
        if query := self._queries.pop(query_id, None):
            self._unbind(query)
            self._release_unused_identities()

    async def authenticate(self, token: str | None) -> str | None:
        """Use `token` for the socket from now on; None signs out. Return the error message if the token is rejected."""
        if token is not None:
            error_message = "Invalid token."
            for authenticator in functions.authenticators():
                caller = await self._identities.identify(authenticator, token)
                if not isinstance(caller, Failure):
                    break
                error_message = caller.message
            else:
                return error_message
        self.socket_token = token
        for query in list(self._queries.values()):
            if query.call.token is None:
                await self._bind(query)
        self._release_unused_identities()
        return None

    async def rebind(self, token: str | None) -> None:
        """Bind the queries of `token` again, because its caller has changed. None: the queries of all tokens."""
        for query in list(self._queries.values()):
            if token in (None, query.call.token or self.socket_token):
                await self._bind(query)
        await self.wait_for_results(None)

    def rerun(self, topics: set[str]) -> None:
        """Request a run of each query that depends on `topics`, which this socket's mutation changed, and await its result."""
        for query in self._queries.values():
            if query.shared_query is not None and topics & query.shared_query.topics:
                self._await(query, query.shared_query.request_run(is_urgent=True))

    async def wait_for_results(self, seconds: float | None) -> None:
        """Wait until every awaited result has arrived, but no longer than `seconds`; None: no limit.

        Raises RuntimeError, which closes the socket, if a SharedQuery failed.
        """
        while not self._is_cancelled and any(query.is_awaited for query in self._queries.values()):
            self._result_arrived.clear()
            try:
                await asyncio.wait_for(self._result_arrived.wait(), seconds)
            except TimeoutError:
                return
            if self._has_failed:
                break
        if self._has_failed:
            raise RuntimeError("a shared query of this socket failed")

    def set_result(self, query: Query, outcome: QueryOutcome) -> None:
        query.is_awaited = False
        self._session.set_result(query.id, outcome)
        self._result_arrived.set()
        self._on_pending_results()

    def fail(self) -> None:
        self._has_failed = True
        self._result_arrived.set()
        self._wake(TokenChanged(None))

    def cancel_waits(self) -> None:
        """Stop waiting for results and callers, now and from now on: the client has disconnected."""
        self._is_cancelled = True
        self._result_arrived.set()
        self._identities.cancel_waits()

    def release(self) -> None:
        """Unsubscribe from all shared queries. Call this only after all other work of the socket has finished."""
        for query in self._queries.values():
            self._unbind(query)
        self._queries.clear()
        self.socket_token = None
        self._release_unused_identities()

    async def _bind(self, query: Query) -> None:
        call = query.call
        try:
            caller = await self._caller(call)
            arguments = call.validated_arguments()
            if await self._slots.reserve(caller.session):
                raise FunctionError(Code.TOO_MANY_CONNECTIONS, "Too many connections.")
        except (FunctionError, InvalidCall) as error:
            self._unbind(query)
            self._session.set_result(query.id, QueryOutcome(to_failure(error)))
            return
        query.is_authorised = True
        principal_id = caller.principal_id if call.function.is_personal(arguments) else None
        key = (call.function.name, call.fingerprint, caller.scope, principal_id)
        if query.shared_query is not None and query.shared_query.key == key:
            return
        self._unbind(query)
        query.is_authorised = query.is_awaited = True
        topics = frozenset(call.function.topics_of(caller, arguments))
        read = partial(_read, call, caller, arguments)
        query.shared_query = await self._hub.subscribe(
            query, key, topics=topics, read=read, name=call.function.name, refresh_interval=REFRESH_INTERVAL
        )

    def _await(self, query: Query, first_run: int) -> None:
        query.first_run, query.is_awaited = first_run, True

    def _unbind(self, query: Query) -> None:
        if query.shared_query is not None:
            self._hub.unsubscribe(query.shared_query, query)
        query.shared_query, query.is_awaited, query.is_authorised = None, False, False

    async def _caller(self, call: FunctionCall) -> Caller:
        """Return the caller of `call`. Raises FunctionError if there is no valid token."""
        authenticator, token = call.function.authenticator, call.token or self.socket_token
        if not token:
            raise FunctionError(Code.UNAUTHENTICATED, f"Pass {authenticator.argument}, or authenticate the connection.")
        caller = await self._identities.identify(authenticator, token)
        if isinstance(caller, Failure):
            raise FunctionError(Code.UNAUTHENTICATED, caller.message)
        return caller

    def _release_unused_identities(self) -> None:
        tokens = {query.call.token or self.socket_token for query in self._queries.values()}
        self._identities.release_unused(tokens | {self.socket_token})


def _read(call: FunctionCall, caller: Caller, arguments: dict[str, Any]) -> tuple[QueryOutcome, datetime | None]:
    outcome = executor.run_query(call, caller, arguments)
    return outcome, outcome.expires_at
