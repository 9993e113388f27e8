"""PraxTalk's ASGI application, which records a timestamp at each step of a change.

The timestamps are written to TRACE_FOLDER when the process ends. Recording them takes time, so the times that are compared with
socket.io come from a server without them.
"""

import atexit
import json
import os
import time
from pathlib import Path
from typing import Any

from praxtalk.asgi import application
from praxtalk.core.live import queries
from praxtalk.core.live.consumer import SyncConsumer
from praxtalk.core.live.frame_writer import FrameWriter
from praxtalk.core.live.pubsub import TopicSubscriber

__all__ = ["application"]

_moments: dict[str, list[int]] = {"heard": [], "read begun": [], "read done": [], "frame out": []}
_heard, _read, _send, _write = TopicSubscriber._heard, queries._read, SyncConsumer._send_transition, FrameWriter.write


def _note(step: str) -> None:
    _moments[step].append(time.monotonic_ns())


def _traced_heard(self: TopicSubscriber, message: dict[str, object]) -> None:
    if message["type"] == "message":
        _note("heard")
    _heard(self, message)


def _traced_read(*arguments: Any) -> Any:
    _note("read begun")
    try:
        return _read(*arguments)
    finally:
        _note("read done")


async def _traced_send(self: SyncConsumer, ts: int) -> None:
    await _send(self, ts)
    _note("frame out")


def _traced_write(self: FrameWriter, text: str) -> None:
    _write(self, text)
    _note("frame out")


FrameWriter.write = _traced_write  # type: ignore[method-assign]
TopicSubscriber._heard, SyncConsumer._send_transition = _traced_heard, _traced_send  # type: ignore[method-assign]
queries._read = _traced_read
_path = Path(os.environ["TRACE_FOLDER"]) / f"live-trace-{os.getpid()}.json"
atexit.register(lambda: _path.write_text(json.dumps(_moments)))
