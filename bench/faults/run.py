"""One run: set it up, make changes and inject faults, wait until every delivery is finished, stop, and collect the results."""

import contextlib
import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db.models import Q

from bench.faults import times
from bench.faults.chaos import Chaos, Faults
from bench.faults.environment import Environment, create_environment, subscribe
from bench.faults.evidence import Evidence, gather
from bench.faults.processes import Valkey, Worker, WorkerPool, python
from bench.harness import start_process
from integrations.models import Delivery
from praxtalk import processes

WORKERS = (("webhooks.1", "webhooks"), ("webhooks.2", "webhooks"), ("beat", "beat"))  # names, and parts of `serve`
WRITERS = 2  # processes
THREADS = 2  # of each process
START_SECONDS = 120.0
DRAIN_SECONDS = 120.0

Log = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """The size of a run."""

    events: int
    seconds: float  # duration of the writing
    calm: float  # how many of these seconds at the start are without faults
    rare: int
    faults: Faults


SHORT = Size(
    events=5_200,
    seconds=58,
    calm=9,
    rare=4,
    faults=Faults(
        kills=12,
        flushes=1,
        valkey_freezes=1,
        valkey_stops=1,
        worker_freezes=1,
        worker_stops=1,
        beat_kills=1,
        writer_disconnects=4,
        worker_disconnects=3,
        receiver_outages=2,
        pauses=1,
    ),
)
LONG = Size(
    events=15_000,
    seconds=270,
    calm=30,
    rare=12,
    faults=Faults(
        kills=50,
        flushes=5,
        valkey_freezes=5,
        valkey_stops=5,
        worker_freezes=6,
        worker_stops=6,
        beat_kills=5,
        writer_disconnects=30,
        worker_disconnects=20,
        receiver_outages=12,
        pauses=6,
    ),
)


def run(size: Size, *, database_url: str, folder: Path, seed: int, log: Log) -> Evidence:
    """Execute a run and return its results.

    Django must be set up, and the database must have all tables and no rows. The folder is emptied first.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    random.seed(seed)
    environment = create_environment(size.rare)
    valkey = Valkey(folder)
    with environment.receivers.open():
        subscribe(environment)
        with _valkey(valkey), _running_workers(folder, database_url, valkey.url) as workers:
            chaos = Chaos(
                size.faults,
                workers=workers,
                valkey=valkey,
                receivers=environment.receivers,
                folder=folder,
                database_url=database_url,
                pause=environment.pause,
                seed=seed,
            )
            written = _write_and_inject(size, environment, chaos, folder, seed, database_url, valkey.url, log)
            drained = _drain(workers, log)
        began, writers_failed, seconds = written
        return gather(
            folder,
            environment,
            chaos,
            workers,
            began=began,
            calm=size.calm,
            writers_failed=writers_failed,
            seconds=seconds,
            drained_seconds=drained,
        )


@contextlib.contextmanager
def _valkey(valkey: Valkey) -> Iterator[None]:
    valkey.start()
    try:
        yield
    finally:
        valkey.stop()


@contextlib.contextmanager
def _running_workers(folder: Path, database_url: str, redis_url: str) -> Iterator[WorkerPool]:
    """Run the processes of `serve` that webhooks need: two workers, and beat."""
    settings = {
        "DATABASE_URL": _with_application_name(times.WORKER, database_url),
        "REDIS_URL": redis_url,
        "WEBHOOK_ALLOW_CIDRS": f"{times.RECEIVER_ADDRESS}/32",
    }
    workers = WorkerPool(
        [Worker(name, _worker_command(name, part, folder), folder / f"{name}.log", settings) for name, part in WORKERS]
    )
    workers.start()
    try:
        yield workers
    finally:
        workers.stop()


def _worker_command(name: str, part: str, folder: Path) -> list[str]:
    """Return the command with which `serve` starts this part, wrapped in bench.faults.worker."""
    _, _, *module = processes.workers()[part].command
    return python("bench.faults.worker", name, str(folder), *module)


def _write_and_inject(
    size: Size,
    environment: Environment,
    chaos: Chaos,
    folder: Path,
    seed: int,
    database_url: str,
    redis_url: str,
    log: Log,
) -> tuple[float, int, float]:
    """Run the writers, and inject the faults.

    Return the time at which the writing began, the number of writers that failed, and the duration in seconds.
    """
    plan = folder / "plan.json"
    share = -(-size.events // (WRITERS * THREADS))
    shared = {"events": share, "seconds": size.seconds, "threads": THREADS, "seed": seed}
    plan.write_text(json.dumps(shared | {"brands": environment.brands_to_change}))
    settings = {"DATABASE_URL": _with_application_name(times.WRITER, database_url), "REDIS_URL": redis_url}
    writers = [
        start_process(
            python("bench.faults.writers", str(plan), str(number)), log_file=folder / "writers.log", **settings
        )
        for number in range(WRITERS)
    ]
    try:
        _wait_until_ready(folder)
        began = time.time()
        times.start_mark(folder).touch()
        chaos.plan(calm=size.calm, until=size.seconds)
        logged_at = time.time()
        while not chaos.is_over or any(writer.poll() is None for writer in writers):
            chaos.step()
            if time.time() - logged_at > 10:
                logged_at = time.time()
                received = len(environment.receivers.receipts)
                log(f"{logged_at - began:.0f} s: {received:,} requests received, {chaos.killed} workers killed")
        seconds = time.time() - began
        while not chaos.kill_until(size.faults.kills):
            for _ in range(20):
                chaos.step()
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    return began, sum(writer.returncode != 0 for writer in writers), seconds


def _wait_until_ready(folder: Path) -> None:
    """Wait until all processes are ready, so that a slow start on a busy machine does not affect the results."""
    names = {*(name for name, _ in WORKERS), *(f"writers.{number}" for number in range(WRITERS))}
    deadline = time.monotonic() + START_SECONDS
    while missing := {name for name in names if not times.ready_mark(folder, name).exists()}:
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"not ready after {START_SECONDS:.0f} s: {', '.join(sorted(missing))}; see {folder}/*.log"
            )
        time.sleep(0.05)


def _drain(workers: WorkerPool, log: Log) -> float | None:
    """Wait until every delivery is finished. Return how many seconds it took, or None if it takes over DRAIN_SECONDS."""
    log("All faults are injected. Waiting until every delivery is finished ...")
    started = time.monotonic()
    unfinished = Delivery.objects.filter(Q(status__in=["pending", "held"]) | Q(lease__isnull=False))
    while unfinished.exists():
        if time.monotonic() - started > DRAIN_SECONDS:
            return None
        workers.restart_ended()
        time.sleep(0.2)
    return time.monotonic() - started


def _with_application_name(name: str, database_url: str) -> str:
    return f"{database_url}{'&' if '?' in database_url else '?'}application_name={name}"
