"""The protocol state of one connection, without I/O: versions, results already sent, and results waiting to be sent.

1. A client's request increases a version (`query_set` or `identity`). Its `base_version` must be the current version.
2. A result waits for the next Transition. A result that equals the last one sent is dropped. The frame is built only when it is
   sent; until then, all sockets share the result.
3. A Transition starts at the version at which the previous one ended, and carries all waiting results. None is ever skipped:
   after a gap, the client would ignore every later update.
"""

from collections.abc import Iterator
from functools import lru_cache

from praxtalk.core.live import protocol
from praxtalk.core.live.executor import QueryOutcome
from praxtalk.core.live.protocol import Authenticate, ModifyQuerySet, Version, Violation

MAX_FRAME = 2**18  # characters, each of up to four bytes
FRAME_CACHE_SIZE = 4


class Session:
    """The state of one connection. A client that reconnects gets a new one."""

    def __init__(self) -> None:
        self._version = Version(0, 0, 0)
        self._query_set = 0
        self._identity = 0
        self._sent: dict[int, bytes | None] = {}
        self._pending: dict[int, QueryOutcome | None] = {}  # None: the query was removed

    def modify(self, message: ModifyQuerySet) -> None:
        """Set the query-set version. Raises Violation if the base is not the current version, or the new one is not higher."""
        if message.base_version != self._query_set or message.new_version <= message.base_version:
            raise Violation("baseVersion")
        self._query_set = message.new_version

    def authenticate(self, message: Authenticate) -> None:
        """Increase the identity version. Raises Violation if the base is not the current version."""
        if message.base_version != self._identity:
            raise Violation("baseVersion")
        self._identity += 1

    def add_query(self, query_id: int) -> None:
        """Register a query, which has no result yet. Raises Violation if the id is in use."""
        if query_id in self._sent:
            raise Violation("queryId")
        self._sent[query_id] = None

    def remove_query(self, query_id: int) -> None:
        """Remove a query. Raises Violation if there is none with this id."""
        if query_id not in self._sent:
            raise Violation("queryId")
        del self._sent[query_id]
        self._pending[query_id] = None

    def set_result(self, query_id: int, outcome: QueryOutcome) -> None:
        """Set the current result of a query, to be sent unless it equals the last one sent."""
        if query_id not in self._sent:
            return
        if outcome.digest == self._sent[query_id]:
            self._pending.pop(query_id, None)
        else:
            self._pending[query_id] = outcome

    @property
    def has_pending(self) -> bool:
        """Return whether a result or the removal of a query is waiting to be sent."""
        return bool(self._pending)

    def transitions(self, ts: int) -> Iterator[str]:
        """Yield the frames for all waiting results: at least one, even if nothing is waiting.

        Large results are spread over several frames, because clients reject frames of many megabytes. Only the last frame ends at
        `ts`.
        """
        while len(self._pending) > 1 and sum(map(_length, self._pending.values())) > MAX_FRAME:
            yield self._transition(self._version.ts, [next(iter(self._pending))])
        yield self._transition(ts, list(self._pending))

    def _transition(self, ts: int, queries: list[int]) -> str:
        start, self._version = self._version, Version(self._query_set, self._identity, ts)
        changes = [(query_id, self._pending.pop(query_id)) for query_id in queries]
        self._sent |= {query_id: outcome.digest for query_id, outcome in changes if outcome is not None}
        if len(changes) == 1:
            return _single(start, self._version, *changes[0])
        return protocol.transition(start, self._version, [_modification(*change) for change in changes])


@lru_cache(FRAME_CACHE_SIZE)
def _single(start: Version, end: Version, query_id: int, outcome: QueryOutcome | None) -> str:
    """Return a Transition with one change, cached: many sockets of a process are in the same state and get the same text."""
    return protocol.transition(start, end, [_modification(query_id, outcome)])


def _modification(query_id: int, outcome: QueryOutcome | None) -> str:
    if outcome is None:
        return protocol.query_removed(query_id)
    return protocol.query_result(query_id, outcome.result)


def _length(outcome: QueryOutcome | None) -> int:
    """Return the approximate length in characters."""
    return len(outcome.result.text) if outcome is not None else 0
