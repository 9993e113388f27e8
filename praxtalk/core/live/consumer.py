"""SyncConsumer: one WebSocket of the sync protocol.

One worker task processes the messages of a socket in order and sends its Transitions, so that each follows the previous one.
While that task waits for a message, and all earlier frames have been sent, a new result is written without waking the task.
A slow client blocks only its own task. Changes that occur during that time are merged, and only the latest state is sent.
"""

import asyncio
import time
from functools import partial
from typing import Any

import structlog
from channels.exceptions import StopConsumer

from praxtalk.core.api.address import rate_limit_unit, resolve_client_address
from praxtalk.core.live import executor, functions, protocol
from praxtalk.core.live.executor import MutationId
from praxtalk.core.live.frame_writer import EXTENSION, FrameWriter
from praxtalk.core.live.hub import hub
from praxtalk.core.live.limits import CloseCode, ConnectionSlots, TokenBucket
from praxtalk.core.live.protocol import Add, Authenticate, Call, Connect, ModifyQuerySet, Violation
from praxtalk.core.live.queries import Queries, TokenChanged
from praxtalk.core.live.results import Code, Failure, FunctionError, InvalidCall, Result, to_failure
from praxtalk.core.live.session import Session
from praxtalk.core.live.websocket import WebSocketConsumer

PING_SECONDS = 15.0
SENTINEL = protocol.Event()  # in the queue: process everything before it, then stop
RESULTS_PENDING = protocol.Event()  # in the queue: a query has a new result
UNAUTHORISED_SECONDS = 60.0
MAX_AGE_SECONDS = 24 * 3600.0  # then the client has to reconnect, so that no resource is held forever
FIRST_RESULTS_SECONDS = 1.0  # how long to wait in order to send the first results of new queries together

log = structlog.get_logger("praxtalk.live")


class SyncConsumer(WebSocketConsumer):
    """The sync protocol over one WebSocket. It reads no cookies, so pages of any origin may connect."""

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._end_worker()

    # --- the socket ---

    async def websocket_connect(self, message: dict[str, Any]) -> None:
        peer = (self.scope.get("client") or [""])[0]
        forwarded_for = b",".join(value for name, value in self.scope["headers"] if name == b"x-forwarded-for")
        address = rate_limit_unit(resolve_client_address(peer, forwarded_for.decode("latin-1")))
        self._hub = hub()
        self._session = Session()
        self._slots = ConnectionSlots(self._hub.connections, address)
        self._queue: asyncio.Queue[protocol.Message | TokenChanged] = asyncio.Queue()
        wake = self._queue.put_nowait
        self._queries = Queries(
            self._hub, self._session, self._slots, on_pending_results=self._on_pending_results, wake=wake
        )
        self._bucket = TokenBucket()
        self._client_session: str | None = None
        self._writer: FrameWriter | None = self.scope.get("extensions", {}).get(EXTENSION)
        self._is_busy = self._is_closed = False
        self.released = asyncio.Event()
        self._opened_at = self._sent_at = self._authorised_at = time.monotonic()
        await self.base_send({"type": "websocket.accept"})
        self._hub.sockets.add(self)
        self._worker = self._hub.spawn(self._close_on_error(self._run))

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        """Parse the message at once, so that no malformed message waits in memory. The worker task processes it in order."""
        if self._is_closed or self._bucket.is_spent:
            return
        try:
            text = message.get("text")
            if not isinstance(text, str):
                raise Violation("not text")
            parsed = protocol.parse(text)
        except Violation:
            await self._close(CloseCode.VIOLATION)
            return
        self._bucket.spend(len(text), time.monotonic())
        self._queue.put_nowait(parsed)

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        self._is_closed = True
        raise StopConsumer

    async def heartbeat(self, now: float) -> None:
        """Send a ping if idle, close the socket if it is unauthorised or a day old, and retry rejected connection slots.

        Called every second.
        """
        if self._is_closed:
            return
        if now - self._sent_at >= PING_SECONDS:
            self._hub.spawn(self._send(protocol.PING))
        if self._queries.is_authorised:
            self._authorised_at = now
        elif now - self._authorised_at >= UNAUTHORISED_SECONDS:
            self._hub.spawn(self._close(CloseCode.UNAUTHENTICATED))
        if now - self._opened_at >= MAX_AGE_SECONDS:
            self.stop()
        if await self._slots.heartbeat(now):
            self._queue.put_nowait(TokenChanged(None))

    def stop(self) -> None:
        """Process the messages already received, then close the socket.

        The hub calls this when the server stops, and waits for `released`.
        """
        self._bucket.is_spent = True
        self._queue.put_nowait(SENTINEL)

    def _end_worker(self) -> None:
        """End the worker task, because the client has disconnected.

        The task is not cancelled but finishes its work. Only then are its queries and connection slots released.
        """
        if not hasattr(self, "_worker"):
            return
        self._is_closed = True
        self._hub.sockets.discard(self)
        self._queries.cancel_waits()
        self._queue.put_nowait(SENTINEL)
        self._hub.spawn(self._release())

    async def _release(self) -> None:
        await asyncio.wait({self._worker})
        self._queries.release()
        await self._slots.release()
        self.released.set()

    # --- messages, in the order of their arrival ---

    async def _run(self) -> None:
        while (message := await self._queue.get()) is not SENTINEL:
            if self._is_closed and not isinstance(message, Call):
                continue  # the client is gone; only mutations that it sent before are still executed
            self._is_busy = True
            if message is not RESULTS_PENDING:
                await self._handle(message)
            while self._session.has_pending:
                await self._send_transition(self._hub.timestamps.next())
            self._is_busy = False
            if self._bucket.on_processed(self._queue.empty()):
                await self._close(CloseCode.TOO_MANY)
        await self._close(CloseCode.INTERNAL_ERROR)

    async def _handle(self, message: protocol.Message | TokenChanged) -> None:
        if self._client_session is None and not isinstance(message, Connect):
            raise Violation("Connect must come first")
        match message:
            case Connect():
                await self._connect(message)
            case ModifyQuerySet():
                await self._modify(message)
            case Authenticate():
                await self._authenticate(message)
            case Call() if message.is_action:
                failure = Failure(f"Could not find public function for {message.name!a}. PraxTalk has no actions.")
                await self._send(protocol.action_failed(message.request_id, failure))
            case Call():
                await self._mutate(message)
            case TokenChanged():
                await self._queries.rebind(message.token)

    async def _connect(self, message: Connect) -> None:
        if self._client_session is not None:
            raise Violation("only one Connect is allowed")
        await self._slots.reserve()  # counts against the address's limit even before authentication
        self._client_session = message.session_id
        if message.max_observed_timestamp is not None:
            self._hub.timestamps.observe(message.max_observed_timestamp)

    async def _modify(self, message: ModifyQuerySet) -> None:
        self._session.modify(message)
        for change in message.modifications:
            if isinstance(change, Add):
                await self._queries.add(change)
            else:
                self._queries.remove(change.query_id)
        await self._queries.wait_for_results(FIRST_RESULTS_SECONDS)
        await self._send_transition(self._hub.timestamps.next())

    async def _authenticate(self, message: Authenticate) -> None:
        self._session.authenticate(message)
        error_message = await self._queries.authenticate(message.token)
        if error_message is not None:
            await self._send(protocol.auth_error(error_message, message.base_version))
            await self._close(CloseCode.UNAUTHENTICATED)
            return
        await self._queries.wait_for_results(FIRST_RESULTS_SECONDS)
        await self._send_transition(self._hub.timestamps.next())

    async def _mutate(self, message: Call) -> None:
        """Commit the mutation, take `ts`, then re-run the queries that it affects."""
        result, topics = await self._run_mutation(message)
        ts = self._hub.timestamps.next()
        await self._send(protocol.mutation_response(message.request_id, result, ts))
        self._queries.rerun(topics)
        await self._queries.wait_for_results(None)
        await self._send_transition(ts)

    async def _run_mutation(self, message: Call) -> tuple[Result, set[str]]:
        try:
            token = self._queries.socket_token
            call = functions.parse_call(message.name, message.arguments, kind="mutation", socket_token=token)
            if await self._slots.reserve():
                raise FunctionError(Code.TOO_MANY_CONNECTIONS, "Too many connections.")
        except (InvalidCall, FunctionError) as error:
            return to_failure(error), set()
        mutation_id = MutationId(self._client_session or "", message.request_id)
        run_mutation = partial(executor.run_mutation, call, mutation_id)
        result, topics = await self._hub.in_thread(partial(executor.with_checked_connection, run_mutation))
        if not isinstance(result, Failure):
            self._authorised_at = time.monotonic()
        return result, topics

    # --- results ---

    def _on_pending_results(self) -> None:
        """Write the pending results, or wake the worker task if earlier frames have not been sent yet.

        If the worker task is busy, it sends them itself.
        """
        if self._is_busy or self._is_closed or not self._session.has_pending:
            return
        if not self._queue.empty():
            return
        if self._writer is not None and self._writer.is_ready:
            self._write_transition(self._writer)
        else:
            self._queue.put_nowait(RESULTS_PENDING)

    def _write_transition(self, writer: FrameWriter) -> None:
        self._sent_at = time.monotonic()
        try:
            for frame in self._session.transitions(self._hub.timestamps.latest):
                writer.write(frame)
        except Exception as error:
            log.exception("closing a socket after an unexpected error", exc_info=error)
            self._hub.spawn(self._close(CloseCode.INTERNAL_ERROR))

    async def _send_transition(self, ts: int) -> None:
        for frame in self._session.transitions(ts):
            await self._send(frame)
