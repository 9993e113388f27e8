"""`python -m bench.faults.worker NAME FOLDER MODULE ...`: run a module of `serve` with scaled times and kill points.

A file in FOLDER with the name of a kill point arms it. The first process that reaches the point renames the file and kills
itself. At the stop point, it stops itself instead, until the harness resumes it. When the process is ready, it creates the file
`times.ready(FOLDER, NAME)`.
"""

import os
import random
import runpy
import signal
import socket
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.db import connection

from bench.faults import times
from praxtalk import settings as module


def main() -> None:
    """Run the module. This never returns, because Celery exits the process."""
    name, folder = sys.argv.pop(1), Path(sys.argv.pop(1))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")
    django.setup()
    scale()
    rebind()
    lay_mines(folder)
    say_when_ready(times.ready(folder, name))
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)


def say_when_ready(mark: Path) -> None:
    """Create the file `mark` when the worker accepts tasks, or when beat sends them."""
    from celery.signals import beat_init, worker_ready

    def ready(**_: Any) -> None:
        mark.touch()

    for signal_ in (beat_init, worker_ready):
        signal_.connect(ready, weak=False)


def scale() -> None:
    """Replace the times by those of bench.faults.times."""
    from integrations.webhooks import delivery, leases
    from integrations.webhooks.dispatcher import Dispatcher
    from praxtalk.core.http import transport

    delivery.SCHEDULE[:] = [timedelta(seconds=step) for step in times.STEPS]
    delivery.LONGEST_OBEYED_WAIT = timedelta(seconds=times.RETRY_AFTER)
    leases.LEASE = timedelta(seconds=times.LEASE)
    transport.DEADLINE_SECONDS = times.DEADLINE
    Dispatcher.__init__.__kwdefaults__["run_seconds"] = times.RUN_SECONDS
    pump = settings.CELERY_BEAT_SCHEDULE["integrations.tasks.pump"]
    every = timedelta(seconds=times.PUMP_EVERY)
    schedule = {"pump": {**pump, "schedule": every, "options": {"expires": times.PUMP_EXPIRES}}}
    settings.CELERY_BEAT_SCHEDULE = module.CELERY_BEAT_SCHEDULE = schedule  # beat reads it from the module


def rebind() -> None:
    """Make one host name resolve at random to a permitted or to a forbidden address."""
    resolve = socket.getaddrinfo

    def rebinding(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == times.REBINDING_HOST:
            host = random.choice([times.RECEIVERS_AT, times.FORBIDDEN])
        return resolve(host, *args, **kwargs)

    socket.getaddrinfo = rebinding


def lay_mines(folder: Path) -> None:
    """Wrap the functions before, in or after which a worker can be killed."""
    from integrations.webhooks import delivery, health, leases, results

    claim, attempt, settle, judge, release = (
        leases.claim,
        delivery.attempt,
        results.settle,
        health.update_health,
        leases.release_expired,
    )

    def pass_by(point: str, number: int = signal.SIGKILL) -> None:
        try:
            (folder / point).rename(folder / f"{point}.{os.getpid()}")
        except FileNotFoundError:
            return
        os.kill(os.getpid(), number)

    def after(statement: str, point: str) -> Callable[..., Any]:
        def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            result = run(sql, params, many, context)
            if sql is statement:
                pass_by(point)
            return result

        return execute

    def mined_claim(limit: int, of_one: int) -> Any:
        claimed = claim(limit, of_one)
        if claimed:
            pass_by("after the claim")
        return claimed

    async def mined_attempt(*args: Any) -> Any:
        answer = await attempt(*args)
        if answer.is_success:
            pass_by("after the 2xx")
        return answer

    def mined_settle(batch: Any) -> Any:
        pass_by(times.STOP_POINT, signal.SIGSTOP)
        pass_by("before settling")
        with connection.execute_wrapper(after(results.SETTLE, "inside the settling transaction")):
            return settle(batch)

    def mined_judge(*args: Any) -> None:
        pass_by("after the settling commit")
        judge(*args)

    def mined_release() -> int:
        # Without a transaction, the statement would commit immediately, and there would be no moment before the commit.
        from django.db import transaction

        with (
            transaction.atomic(),
            connection.execute_wrapper(after(leases.RELEASE_EXPIRED, "inside the release of leases")),
        ):
            return int(release())

    mined_settle.__name__, mined_claim.__name__, mined_release.__name__ = "settle", "claim", "release_expired"
    leases.claim, leases.release_expired = mined_claim, mined_release
    delivery.attempt, results.settle, health.update_health = mined_attempt, mined_settle, mined_judge


if __name__ == "__main__":
    main()
