"""The protocol's `ts`: nanoseconds as an unsigned 64-bit integer, encoded as base64 of its little-endian bytes."""

import base64
import binascii
import time

MAX_AHEAD_NANOSECONDS = 60 * 10**9


class Timestamps:
    """A generator of strictly increasing timestamps. One per process, used only on its event loop."""

    def __init__(self) -> None:
        self._last = 0

    @property
    def latest(self) -> int:
        """Return the latest timestamp, whether returned by `next` or passed to `observe`."""
        return self._last

    def next(self) -> int:
        """Return a timestamp later than all previous ones.

        Taken before a read, it means that the value includes everything that was committed up to this time.
        """
        self._last = max(time.time_ns(), self._last + 1)
        return self._last

    def observe(self, seen: int) -> None:
        """Return only timestamps later than `seen` from now on. A client received it from a node whose clock may be ahead.

        A value that is more than a minute ahead is ignored. Otherwise one client could push the counter to its maximum.
        """
        if seen <= time.time_ns() + MAX_AHEAD_NANOSECONDS:
            self._last = max(self._last, seen)


def encode(ts: int) -> str:
    """Return `ts` in the encoding of the protocol."""
    return base64.b64encode(ts.to_bytes(8, "little")).decode()


def decode(text: str) -> int:
    """Return the timestamp that `text` encodes. Raises ValueError if it is malformed."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(text) from error
    if len(data) != 8:
        raise ValueError(text)
    return int.from_bytes(data, "little")
