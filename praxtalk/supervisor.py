"""One parent for the processes of a node: starts them, names the one that dies, stops all in order.

1. Every child runs in a session of its own, so that Ctrl-C reaches the parent only, and the parent stops them in order.
2. A child that ends by itself is named, and takes the rest down: half a node is worse than none, because nobody notices.
3. Children watch the parent (praxtalk/orphans.py): killed, it leaves nobody behind who holds the port.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

STOP_SECONDS = 25.0
LOOK_EVERY_SECONDS = 0.1


@dataclass
class Child:
    """A process to run: its name in messages, its command, and in which round it is stopped (0 first)."""

    name: str
    command: list[str]
    stop_round: int
    inherited: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            self.command, env=environment, pass_fds=self.inherited, stdin=subprocess.DEVNULL, start_new_session=True
        )

    @property
    def ending(self) -> str:
        code = self.process.returncode
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"


class Supervisor:
    """Runs the children until one ends or a signal comes."""

    def __init__(self, children: list[Child], *, is_up: Callable[[], bool], say: Callable[[str], None]) -> None:
        """is_up: asked until it is true, for the one line that says so."""
        self._children = children
        self._is_up = is_up
        self._say = say
        self._stopping = False

    def run(self) -> int:
        """The exit status: 0 after SIGINT or SIGTERM, 1 after a child's end."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        started = time.monotonic()
        environment = os.environ | {"SERVE_PID": str(os.getpid())}
        for child in self._children:
            child.start(environment)
        announced = False
        try:
            while not self._stopping:
                dead = [child for child in self._children if child.process.poll() is not None]
                if dead:
                    self._say(f"{dead[0].name} (pid {dead[0].process.pid}) {dead[0].ending}; stopping the rest.")
                    return 1
                if not announced and self._is_up():
                    announced = True
                    pids = ", ".join(f"{child.name} {child.process.pid}" for child in self._children)
                    self._say(f"Up after {time.monotonic() - started:.1f} s ({pids}). Ctrl-C stops it.")
                time.sleep(LOOK_EVERY_SECONDS)
            return 0
        finally:
            self._stop()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _stop(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        for stop_round in sorted({child.stop_round for child in self._children}):
            running = [
                child for child in self._children if child.stop_round == stop_round and child.process.poll() is None
            ]
            if running:
                self._say("Stopping " + ", ".join(child.name for child in running) + " ...")
            for child in running:
                child.process.terminate()
            for child in running:
                self._wait(child, deadline)
        self._say("Stopped.")

    def _wait(self, child: Child, deadline: float) -> None:
        try:
            child.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._say(f"{child.name} does not stop; killing it.")
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()


def python(*arguments: str) -> list[str]:
    """A command of this Python."""
    return [sys.executable, *arguments]
