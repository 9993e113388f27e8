"""What the protocol counts for one socket, without any input or output: versions, what was sent, what waits to be sent.

1. A client's request raises a count (`query_set`, `identity`); its base must be the count before.
2. An answer waits until the next Transition; one that equals what was sent last is dropped. It becomes text when it is sent:
   until then, all sockets share it.
3. A Transition begins at the version where the last one ended, carries all that waits, and is never skipped: after a gap
   the client would ignore every later update.
"""

from collections.abc import Iterator
from functools import lru_cache

from praxtalk.core.live import protocol
from praxtalk.core.live.executor import Answer
from praxtalk.core.live.protocol import Authenticate, ModifyQuerySet, Version, Violation

MAX_FRAME = 2**18  # characters, of up to four bytes
KEPT_FRAMES = 4


class Session:
    """The state of one connection; it begins anew with each."""

    def __init__(self) -> None:
        self._version = Version(0, 0, 0)
        self._query_set = 0
        self._identity = 0
        self._sent: dict[int, bytes | None] = {}
        self._waiting: dict[int, Answer | None] = {}  # None: the query was removed

    def modify(self, message: ModifyQuerySet) -> None:
        """Raises Violation when the counts do not follow each other, or a number is used twice."""
        if message.base != self._query_set or message.new <= message.base:
            raise Violation("baseVersion")
        self._query_set = message.new

    def authenticate(self, message: Authenticate) -> None:
        """Raises Violation."""
        if message.base != self._identity:
            raise Violation("baseVersion")
        self._identity += 1

    def added(self, query_id: int) -> None:
        """Register a query, whose first result is pending. Raises Violation."""
        if query_id in self._sent:
            raise Violation("queryId")
        self._sent[query_id] = None

    def removed(self, query_id: int) -> None:
        """Raises Violation."""
        if query_id not in self._sent:
            raise Violation("queryId")
        del self._sent[query_id]
        self._waiting[query_id] = None

    def answered(self, query_id: int, answer: Answer) -> None:
        """The query has this outcome now."""
        if query_id not in self._sent:
            return
        if answer.digest == self._sent[query_id]:
            self._waiting.pop(query_id, None)
        else:
            self._waiting[query_id] = answer

    @property
    def has_news(self) -> bool:
        """Whether the client is behind."""
        return bool(self._waiting)

    def transitions(self, ts: int) -> Iterator[str]:
        """Yield the frames for all pending changes, at least one, even if there are none; the last one ends at `ts`.

        What is large goes in several, since clients refuse frames of many megabytes; only the last one carries `ts`.
        """
        while len(self._waiting) > 1 and sum(map(_length, self._waiting.values())) > MAX_FRAME:
            yield self._transition(self._version.ts, [next(iter(self._waiting))])
        yield self._transition(ts, list(self._waiting))

    def _transition(self, ts: int, queries: list[int]) -> str:
        start, self._version = self._version, Version(self._query_set, self._identity, ts)
        answers = [(query_id, self._waiting.pop(query_id)) for query_id in queries]
        self._sent |= {query_id: answer.digest for query_id, answer in answers if answer is not None}
        if len(answers) == 1:
            return _single(start, self._version, *answers[0])
        return protocol.transition(start, self._version, [_modification(*each) for each in answers])


@lru_cache(KEPT_FRAMES)
def _single(start: Version, end: Version, query_id: int, answer: Answer | None) -> str:
    """A Transition with one change. Many sockets of a process are in the same state, and are sent the same text."""
    return protocol.transition(start, end, [_modification(query_id, answer)])


def _modification(query_id: int, answer: Answer | None) -> str:
    if answer is None:
        return protocol.query_removed(query_id)
    return protocol.query_answered(query_id, answer.result)


def _length(answer: Answer | None) -> int:
    """Approximate length in characters."""
    return len(answer.result.text) if answer is not None else 0
