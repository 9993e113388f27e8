"""One run: set it up, make changes and inject faults, wait until every delivery is finished, stop, and collect the results."""

import contextlib
import json
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db.models import Q

from bench.faults import environment as staging
from bench.faults import times
from bench.faults.chaos import Accidents, Chaos
from bench.faults.environment import Stage
from bench.faults.evidence import Evidence, gather
from bench.faults.processes import Crew, Valkey, Worker, environment, python
from bench.servers import end_with_us
from integrations.models import Delivery
from praxtalk.processes import workers

CREW = (("webhooks.1", "webhooks"), ("webhooks.2", "webhooks"), ("beat", "beat"))  # names, and parts of `serve`
WRITERS = 2  # processes
THREADS = 2  # of each process
UP_SECONDS = 120.0
DRAIN_SECONDS = 120.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Extent:
    """The size of a run."""

    events: int
    seconds: float  # duration of the writing
    calm: float  # how many of these seconds at the start are without faults
    rare: int
    accidents: Accidents


SHORT = Extent(
    events=5_200,
    seconds=58,
    calm=9,
    rare=4,
    accidents=Accidents(
        kills=12,
        flushes=1,
        valkey_freezes=1,
        valkey_stops=1,
        worker_freezes=1,
        worker_stops=1,
        beat_kills=1,
        cut_writers=4,
        cut_workers=3,
        absences=2,
        pauses=1,
    ),
)
LONG = Extent(
    events=15_000,
    seconds=270,
    calm=30,
    rare=12,
    accidents=Accidents(
        kills=50,
        flushes=5,
        valkey_freezes=5,
        valkey_stops=5,
        worker_freezes=6,
        worker_stops=6,
        beat_kills=5,
        cut_writers=30,
        cut_workers=20,
        absences=12,
        pauses=6,
    ),
)


def run(extent: Extent, *, database_url: str, folder: Path, seed: int, say: Say) -> Evidence:
    """Execute a run and return its results.

    Django must be set up, and the database must have all tables and no rows. The folder is emptied first.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    random.seed(seed)
    stage = staging.put_up(extent.rare)
    valkey = Valkey(folder)
    with stage.street.open():
        staging.subscribe(stage)
        with _valkey(valkey), _crew(folder, database_url, valkey.url) as crew:
            chaos = Chaos(
                extent.accidents,
                crew=crew,
                valkey=valkey,
                street=stage.street,
                folder=folder,
                database_url=database_url,
                pause=stage.pause,
                seed=seed,
            )
            written = _let_it_happen(extent, stage, chaos, folder, seed, database_url, valkey.url, say)
            drained = _drain(crew, say)
        began, writers_failed, seconds = written
        return gather(
            folder,
            stage,
            chaos,
            crew,
            began=began,
            calm=extent.calm,
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
def _crew(folder: Path, database_url: str, redis_url: str) -> Iterator[Crew]:
    """Run the processes of `serve` that webhooks need: two workers, and beat."""
    settings = environment(
        DATABASE_URL=_as(times.WORKER, database_url),
        REDIS_URL=redis_url,
        WEBHOOK_ALLOW_CIDRS=f"{times.RECEIVERS_AT}/32",
    )
    crew = Crew([Worker(name, _wrapped(name, part, folder), folder / f"{name}.log", settings) for name, part in CREW])
    crew.start()
    try:
        yield crew
    finally:
        crew.stop()


def _wrapped(name: str, part: str, folder: Path) -> list[str]:
    """Return the command with which `serve` starts this part, wrapped in bench.faults.worker."""
    _, _, *module = workers()[part].command
    return python("bench.faults.worker", name, str(folder), *module)


def _let_it_happen(
    extent: Extent, stage: Stage, chaos: Chaos, folder: Path, seed: int, database_url: str, redis_url: str, say: Say
) -> tuple[float, int, float]:
    """Run the writers, and inject the faults.

    Return the time at which the writing began, the number of writers that failed, and the duration in seconds.
    """
    plan = folder / "plan.json"
    share = -(-extent.events // (WRITERS * THREADS))
    plan.write_text(
        json.dumps(
            {"places": stage.places, "events": share, "seconds": extent.seconds, "threads": THREADS, "seed": seed}
        )
    )
    settings = environment(DATABASE_URL=_as(times.WRITER, database_url), REDIS_URL=redis_url)
    with (folder / "writers.log").open("wb") as log:
        writers = [
            subprocess.Popen(
                python("bench.faults.writers", str(plan), str(number)),
                env=settings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_us,
            )
            for number in range(WRITERS)
        ]
    try:
        _wait_until_up(folder)
        began = time.time()
        times.go(folder).touch()
        chaos.plan(calm=extent.calm, until=extent.seconds)
        said = time.time()
        while not chaos.is_over or any(writer.poll() is None for writer in writers):
            chaos.look()
            if time.time() - said > 10:
                said = time.time()
                killed = chaos.killed
                say(f"{said - began:.0f} s: {len(stage.street.receipts):,} requests received, {killed} workers killed")
        seconds = time.time() - began
        while not chaos.kill_until(extent.accidents.kills):
            for _ in range(20):
                chaos.look()
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    return began, sum(writer.returncode != 0 for writer in writers), seconds


def _wait_until_up(folder: Path) -> None:
    """Wait until all processes are ready, so that a slow start on a busy machine does not affect the results."""
    names = {*(name for name, _ in CREW), *(f"writers.{number}" for number in range(WRITERS))}
    deadline = time.monotonic() + UP_SECONDS
    while missing := {name for name in names if not times.ready(folder, name).exists()}:
        if time.monotonic() > deadline:
            raise RuntimeError(f"not up after {UP_SECONDS:.0f} s: {', '.join(sorted(missing))}; see {folder}/*.log")
        time.sleep(0.05)


def _drain(crew: Crew, say: Say) -> float | None:
    """Wait until every delivery is finished. Return how many seconds it took, or None if it takes over DRAIN_SECONDS."""
    say("Nothing goes wrong any more; waiting until nothing is owed ...")
    started = time.monotonic()
    owed = Delivery.objects.filter(Q(status__in=["pending", "held"]) | Q(lease__isnull=False))
    while owed.exists():
        if time.monotonic() - started > DRAIN_SECONDS:
            return None
        crew.restart_ended()
        time.sleep(0.2)
    return time.monotonic() - started


def _as(name: str, database_url: str) -> str:
    return f"{database_url}{'&' if '?' in database_url else '?'}application_name={name}"
