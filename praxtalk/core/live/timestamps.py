"""The protocol's `ts`: nanoseconds as an unsigned 64-bit number, written as base64 of its little-endian bytes."""

import base64
import binascii
import time

AHEAD_NANOSECONDS = 60 * 10**9


class Timestamps:
    """Strictly increasing; one per process, used on its event loop only."""

    def __init__(self) -> None:
        self._last = 0

    @property
    def latest(self) -> int:
        """The last one that was given out."""
        return self._last

    def next(self) -> int:
        """Later than all before it. Taken before a read it says: what has committed until here is in the value."""
        self._last = max(time.time_ns(), self._last + 1)
        return self._last

    def observe(self, seen: int) -> None:
        """A client saw this on another node, whose clock may be ahead. More than a minute ahead is not believed: one client
        could push the counter to its end."""
        if seen <= time.time_ns() + AHEAD_NANOSECONDS:
            self._last = max(self._last, seen)


def written(ts: int) -> str:
    """As the protocol writes it."""
    return base64.b64encode(ts.to_bytes(8, "little")).decode()


def read(text: str) -> int:
    """The number written in `text`. Raises ValueError."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(text) from error
    if len(data) != 8:
        raise ValueError(text)
    return int.from_bytes(data, "little")
