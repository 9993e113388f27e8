"""The parent of all processes of a node. It starts them, restarts those that die, and stops all of them in order.

`manage.py serve` writes a Plan and replaces itself with this program, which does not import Django: it needs 15 MB instead of 90.

1. Every child runs in its own session, so that Ctrl-C reaches only the parent, which then stops the children in order.
2. Once all children are up, a child that exits is logged and restarted, after its remaining subprocesses are killed. A child
   that exits during start-up, or that exits repeatedly, stops the node with exit status 1.
3. If the node uses the development services and their keeper was killed, the supervisor restarts the keeper.
4. If the parent is killed, a watchdog (praxtalk/watchdog.py) ends the children, so that none keeps a port or a lease.
"""

import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType

from praxtalk.endpoints import Endpoint

STOP_SECONDS = 25.0
STARTING_STOP_SECONDS = 3.0  # replaces STOP_SECONDS while the node is not up yet
KEEPER_CHECK_SECONDS = 1.0
KEEPER_START_SECONDS = 5.0  # if another command holds the lock for longer, the supervisor tries again
ENSURE_KEEPER = (
    "import pathlib, sys; from praxtalk import devservices; devservices.ensure_keeper(pathlib.Path(sys.argv[1]))"
)
POLL_SECONDS = 0.1
STABLE_SECONDS = 10.0  # when a child has run for this long, its number of restarts is reset
MAX_RESTARTS = 3  # consecutive restarts of a child that exits within STABLE_SECONDS
WATCHDOG = Path(__file__).with_name("watchdog.py")


@dataclass(frozen=True)
class Child:
    """A process to run.

    name: the name in messages. stop_round: children of round 0 are stopped first. environment: variables in addition to the
    parent's. socket_path: the Unix socket it listens on; empty if none.
    """

    name: str
    command: list[str]
    stop_round: int
    environment: dict[str, str] = field(default_factory=dict)
    socket_path: str = ""


@dataclass(frozen=True)
class Plan:
    """The processes of a node, and how to check that it is up.

    folder: contains the Unix sockets and plan.json; the supervisor deletes it when it exits. host: the Host header of requests
    to /healthz. endpoints: must all accept connections before the node is up. health: must also respond to /healthz with 200;
    None skips this. devservices_folder: the folder of the development services that the node uses; empty if it uses none.
    """

    folder: str
    children: list[Child]
    host: str = ""
    endpoints: list[Endpoint] = field(default_factory=list)
    health: Endpoint | None = None
    devservices_folder: str = ""

    def execute(self) -> None:
        """Replace this process with the supervisor, which keeps the PID and the standard output."""
        path = Path(self.folder, "plan.json")
        path.write_text(json.dumps(asdict(self)))
        os.execv(sys.executable, [sys.executable, "-m", "praxtalk.supervisor", str(path)])  # noqa: S606 - the same interpreter

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Read a plan written by `execute`."""
        data = json.loads(path.read_text())
        data["children"] = [Child(**child) for child in data["children"]]
        data["endpoints"] = [Endpoint(**endpoint) for endpoint in data["endpoints"]]
        data["health"] = data["health"] and Endpoint(**data["health"])
        return cls(**data)

    def is_up(self) -> bool:
        """Return whether every endpoint accepts connections and /healthz responds with 200."""
        try:
            for endpoint in self.endpoints:
                endpoint.connect().close()
            return self.health is None or self.health.is_healthy(self.host)
        except (OSError, http.client.HTTPException):
            return False


class Process:
    """A child that has been started."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.restarts = 0
        self.start()

    def start(self) -> None:
        """Start or restart the process."""
        if self.child.socket_path:
            Path(self.child.socket_path).unlink(missing_ok=True)
        self.started_at = time.monotonic()
        environment = os.environ | {**self.child.environment}
        self.popen = subprocess.Popen(
            self.child.command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
        )

    @property
    def is_running(self) -> bool:
        return self.popen.poll() is None

    def kill_group(self) -> None:
        """Kill the process and all processes in its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)

    def __str__(self) -> str:
        return f"{self.child.name} {self.popen.pid}"

    @property
    def exit_message(self) -> str:
        code = self.popen.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
        return f"{self.child.name} (pid {self.popen.pid}) {how}"


class Supervisor:
    """Runs the children until a signal arrives or a child exits repeatedly."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._processes: list[Process] = []
        self._is_stopping = self._is_up = False
        self._keeper_seen_at = 0.0
        self._watchdog: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Run the node and return the exit status: 0 after SIGINT or SIGTERM, 1 if a child does not stay up."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        began = time.monotonic()
        try:
            for child in self._plan.children:
                self._processes.append(Process(child))
                self._inform_watchdog()
            while not self._is_stopping:
                if not all(self._keep_running(process, may_restart=self._is_up) for process in self._processes):
                    return 1
                if not self._is_up and self._plan.is_up():
                    self._is_up = True
                    names = ", ".join(str(process) for process in self._processes)
                    report(f"Up after {time.monotonic() - began:.1f} s ({names}). Ctrl-C stops it.")
                if self._watchdog is not None and self._watchdog.poll() is not None:
                    self._inform_watchdog()
                self._ensure_keeper(time.monotonic())
                time.sleep(POLL_SECONDS)
            return 0
        finally:
            self._stop()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._is_stopping = True

    def _keep_running(self, process: Process, *, may_restart: bool) -> bool:
        """Restart the process if it has ended. Return False if the node must stop."""
        if process.is_running:
            return True
        process.kill_group()
        exit_message = process.exit_message
        if time.monotonic() - process.started_at >= STABLE_SECONDS:
            process.restarts = 0
        if not may_restart or process.restarts >= MAX_RESTARTS:
            report(f"{exit_message}; stopping the rest.")
            return False
        process.restarts += 1
        process.start()
        self._inform_watchdog()
        report(f"{exit_message}; started again ({process}).")
        return True

    def _ensure_keeper(self, now: float) -> None:
        """Restart the keeper of the development services if it is not running, that is, if `keeper.lock` is free."""
        if not self._plan.devservices_folder or now - self._keeper_seen_at < KEEPER_CHECK_SECONDS:
            return
        self._keeper_seen_at = now
        ignore_failure = contextlib.suppress(OSError, subprocess.TimeoutExpired)
        with ignore_failure, Path(self._plan.devservices_folder, "keeper.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(lock, fcntl.LOCK_UN)
            command = [sys.executable, "-c", ENSURE_KEEPER, self._plan.devservices_folder]
            subprocess.run(command, check=False, timeout=KEEPER_START_SECONDS)

    def _inform_watchdog(self) -> None:
        """Send the PIDs of the running processes to the watchdog, and start the watchdog if it is not running."""
        if self._watchdog is None or self._watchdog.poll() is not None:
            command = [sys.executable, "-I", "-S", str(WATCHDOG)]
            self._watchdog = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        running = [str(process.popen.pid) for process in self._processes if process.is_running]
        if self._watchdog.stdin is not None:
            with contextlib.suppress(OSError):
                self._watchdog.stdin.write(f"{' '.join(running)}\n".encode())
                self._watchdog.stdin.flush()

    def _stop(self) -> None:
        deadline = time.monotonic() + (STOP_SECONDS if self._is_up else STARTING_STOP_SECONDS)
        for stop_round in sorted({child.stop_round for child in self._plan.children}):
            members = [each for each in self._processes if each.child.stop_round == stop_round and each.is_running]
            if members:
                report("Stopping " + ", ".join(each.child.name for each in members) + " ...")
            for each in members:
                each.popen.terminate()
            for each in members:
                _wait(each, deadline)
        self._inform_watchdog()  # so that the watchdog has nothing left to kill
        report("Stopped.")


def _wait(process: Process, deadline: float) -> None:
    try:
        process.popen.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        report(f"{process.child.name} does not stop; killing it.")
    process.kill_group()
    process.popen.wait()


def report(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    plan = Plan.read(Path(sys.argv[1]))
    try:
        return Supervisor(plan).run()
    finally:
        shutil.rmtree(plan.folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
