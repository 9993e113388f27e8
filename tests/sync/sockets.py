"""A client of the sync protocol that records every frame, and checks that each follows the rules of the protocol."""

import base64
import itertools
import json
import time
import uuid

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

PATH = "/api/1.48.0/sync"
REMOVED = object()


class RequestFailed(Exception):
    """A query or a mutation failed: the server sent an error."""

    def __init__(self, frame, message):
        super().__init__(message)
        self.message, self.data = message, frame.get("errorData")

    @property
    def code(self):
        return (self.data or {}).get("code")


class Socket:
    """A connection to the sync endpoint: `with Socket(server.url, token) as socket:`.

    docs/agent-sdk.md describes the functions and their arguments.
    """

    def __init__(self, url, token=None, *, path=PATH, session_id=None, address=None):
        self.token = token
        headers = {"X-Forwarded-For": address} if address else {}
        self._socket = connect(
            url.replace("http", "ws", 1) + path, additional_headers=headers, compression=None, max_size=None
        )
        self.session_id = session_id or str(uuid.uuid4())
        self.frames, self.values, self.responses = [], {}, {}
        self.raw = []
        self.version = {"querySet": 0, "identity": 0, "ts": "AAAAAAAAAAA="}
        self._queries, self._requests, self._identity = itertools.count(), itertools.count(), 0
        self.send(type="Connect", sessionId=self.session_id, connectionCount=0, lastCloseReason="InitialConnect")
        self._modify([])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, **frame):
        self._socket.send(json.dumps(frame))

    def send_text(self, text):
        self._socket.send(text)

    # --- sending ---

    def watch(self, name, *, token=None, **arguments):
        """Subscribe to a query, wait for its first result, and return its query id."""
        query = self.add(name, token=token, **arguments)
        self.receive_until(lambda: query in self.values)
        return query

    def add(self, name, *, token=None, **arguments):
        """Like `watch`, without waiting for the result."""
        query = next(self._queries)
        args = [self._with_token(token, arguments)]
        self._modify([{"type": "Add", "queryId": query, "udfPath": name, "args": args}])
        return query

    def remove(self, query):
        self._modify([{"type": "Remove", "queryId": query}])
        self.receive_until(lambda: self.values[query] is REMOVED)

    def query_once(self, name, **arguments):
        """Subscribe to a query, unsubscribe, and return its first value. Raises RequestFailed if the query is refused."""
        query = self.watch(name, **arguments)
        value = self.value(query)
        self.remove(query)
        return value

    def value(self, query):
        value = self.values[query]
        if isinstance(value, RequestFailed):
            raise value
        return value

    def send_mutation(self, name, *, token=None, request_id=None, **arguments):
        """Send a mutation, and return its request id."""
        request = next(self._requests) if request_id is None else request_id
        self.send(type="Mutation", requestId=request, udfPath=name, args=[self._with_token(token, arguments)])
        return request

    def mutate(self, name, **arguments):
        """Send a mutation and wait for it, see `wait_for_mutation`."""
        return self.wait_for_mutation(self.send_mutation(name, **arguments))

    def wait_for_mutation(self, request):
        """Return the value of a mutation once a Transition includes its effects. Raises RequestFailed if it is refused."""
        self.receive_until(lambda: request in self.responses)
        frame = self.responses[request]
        if not frame["success"]:
            raise RequestFailed(frame, frame["result"])
        self.receive_until(lambda: timestamp_of(self.version) >= decode_timestamp(frame["ts"]))
        return frame["result"]

    def authenticate(self, token):
        kind = {"tokenType": "User", "value": token} if token else {"tokenType": "None"}
        self.send(type="Authenticate", baseVersion=self._identity, **kind)
        self._identity += 1
        self.receive_until(lambda: self.version["identity"] == self._identity)

    def _with_token(self, token, arguments):
        chosen = self.token if token is None else token
        return {**arguments, "sessionToken": chosen} if chosen else arguments

    def _modify(self, modifications):
        base = getattr(self, "_query_set", 0)
        self._query_set = base + 1
        self.send(type="ModifyQuerySet", baseVersion=base, newVersion=base + 1, modifications=modifications)

    # --- receiving ---

    def receive_until(self, is_true, seconds=40):
        """Receive frames until `is_true()`. Raises TimeoutError after `seconds`, and ConnectionClosed."""
        deadline = time.monotonic() + seconds
        while not is_true():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{len(self.frames)} frames; the last: {str(self.frames[-1:])[:500]}")
            self._receive(left)

    def receive_for(self, seconds):
        """Receive all frames that arrive within `seconds`."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                self._receive(left)
            except TimeoutError:
                return

    def closing_code(self, seconds=40):
        """Wait until the server closes the connection, and return the closing code."""
        try:
            self.receive_until(lambda: False, seconds)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
        raise AssertionError("not closed")

    def _receive(self, seconds):
        text = self._socket.recv(timeout=seconds)
        frame = json.loads(text)
        self.raw.append(text)
        self.frames.append(frame)
        if frame["type"] == "Transition":
            assert frame["startVersion"] == self.version, "a gap"
            assert timestamp_of(frame["endVersion"]) >= timestamp_of(self.version)
            self.version = frame["endVersion"]
            for change in frame["modifications"]:
                self._apply_change(change)
        elif frame["type"] == "MutationResponse":
            assert frame["requestId"] not in self.responses, "answered twice"
            self.responses[frame["requestId"]] = frame
        elif frame["type"] != "Ping":
            assert frame["type"] in ("AuthError", "ActionResponse"), frame

    def _apply_change(self, change):
        kind, query = change["type"], change["queryId"]
        if kind == "QueryRemoved":
            self.values[query] = REMOVED
            return
        assert change["logLines"] == []
        assert change["journal"] is None
        assert change.get("errorData", 1) is not None
        self.values[query] = (
            change["value"] if kind == "QueryUpdated" else RequestFailed(change, change["errorMessage"])
        )


def decode_timestamp(ts):
    return int.from_bytes(base64.b64decode(ts), "little")


def timestamp_of(version):
    return decode_timestamp(version["ts"])
