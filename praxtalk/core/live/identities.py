"""The callers behind the tokens of one socket.

A caller is the result of a SharedQuery, so that the revocation of a token arrives like any other change.
"""

import asyncio
import hashlib
from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from typing import Any

from praxtalk.core.live.functions import Caller, TokenAuthenticator
from praxtalk.core.live.hub import Hub
from praxtalk.core.live.results import Failure, FunctionError
from praxtalk.core.live.shared_queries import QueryRun, SharedQuery

REFRESH_INTERVAL = 30.0


class Identity:
    """The caller behind a token, as last reported to this socket: a listener of a SharedQuery."""

    def __init__(self, *, on_change: Callable[[], None], on_error: Callable[[], None]) -> None:
        self.first_run = 0
        self.shared_query: SharedQuery[Any] | None = None
        self.resolved: asyncio.Future[Caller | Failure] = asyncio.get_running_loop().create_future()
        self.caller: Caller | Failure = Failure("The token has not been checked yet.")
        self._on_change, self._on_error = on_change, on_error

    def on_result(self, run: QueryRun[Any]) -> None:
        previous, self.caller = self.caller, run.value
        if not self.resolved.done():
            self.resolved.set_result(run.value)
        elif previous != run.value:
            self._on_change()

    def on_error(self) -> None:
        self._on_error()


class Identities:
    """The identities of one socket, by token."""

    def __init__(self, hub: Hub, *, on_change: Callable[[str], None], on_error: Callable[[], None]) -> None:
        """on_change: called with a token whose caller has changed. on_error: called after an unexpected error."""
        self._hub, self._on_change, self._on_error = hub, on_change, on_error
        self._by_token: dict[str, Identity] = {}
        self._is_cancelled = False

    def is_authenticated(self, token: str | None) -> bool:
        """Return whether `token` was valid when it was last checked."""
        identity = self._by_token.get(token or "")
        return identity is not None and not isinstance(identity.caller, Failure)

    async def identify(self, authenticator: TokenAuthenticator, token: str) -> Caller | Failure:
        """Return the caller behind `token`, or a Failure with the reason why there is none."""
        identity = self._by_token.get(token)
        if identity is None:
            identity = Identity(on_change=partial(self._on_change, token), on_error=self._on_error)
            self._by_token[token] = identity
            try:
                topics = frozenset(authenticator.topics(token))
            except FunctionError as error:
                identity.caller = Failure(str(error))
                return identity.caller
            key = ("identity", authenticator.argument, hashlib.sha256(token.encode()).digest())
            read = partial(_authenticate, authenticator, token)
            identity.shared_query = await self._hub.subscribe(
                identity, key, topics=topics, read=read, name="identity", refresh_interval=REFRESH_INTERVAL
            )
            if not self._is_cancelled:
                await identity.resolved
        return identity.caller

    def cancel_waits(self) -> None:
        """Stop waiting for callers, now and from now on."""
        self._is_cancelled = True
        for identity in self._by_token.values():
            if not identity.resolved.done():
                identity.resolved.set_result(identity.caller)

    def release_unused(self, used: Collection[str | None]) -> None:
        """Unsubscribe from the identities of all tokens except `used`."""
        for token in [token for token in self._by_token if token not in used]:
            identity = self._by_token.pop(token)
            if identity.shared_query is not None:
                self._hub.unsubscribe(identity.shared_query, identity)


def _authenticate(authenticator: TokenAuthenticator, token: str) -> tuple[Any, datetime | None]:
    """Return the Caller and the time at which the token expires, or a Failure with the reason and None."""
    try:
        caller = authenticator.authenticate(token)
    except FunctionError as error:
        return Failure(str(error)), None
    return caller, caller.expires_at
