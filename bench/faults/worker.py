"""`python -m bench.faults.worker NAME FOLDER MODULE ...`: run a module of `serve` with scaled times and kill points.

A file in FOLDER with the name of a kill point arms it. The first process that reaches the point renames the file and kills
itself. At the stop point, it stops itself instead, until the harness resumes it. When the process is ready, it creates the file
`times.ready_mark(FOLDER, NAME)`.
"""

import os
import random
import runpy
import signal
import socket
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
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
    scale_times()
    rebind_host()
    install_kill_points(folder)
    touch_when_ready(times.ready_mark(folder, name))
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)


def touch_when_ready(mark: Path) -> None:
    """Create the file `mark` when the worker accepts tasks, or when beat sends them."""
    from celery.signals import beat_init, worker_ready

    def ready(**_: Any) -> None:
        mark.touch()

    for signal_ in (beat_init, worker_ready):
        signal_.connect(ready, weak=False)


def scale_times() -> None:
    """Replace the times with those of bench.faults.times."""
    from integrations.webhooks import delivery, leases
    from integrations.webhooks.dispatcher import Dispatcher
    from praxtalk.core.http import transport

    delivery.RETRY_DELAYS[:] = [timedelta(seconds=step) for step in times.STEPS]
    delivery.MAX_RETRY_AFTER = timedelta(seconds=times.RETRY_AFTER)
    leases.LEASE = timedelta(seconds=times.LEASE)
    transport.DEADLINE_SECONDS = times.DEADLINE
    Dispatcher.__init__.__kwdefaults__["run_seconds"] = times.RUN_SECONDS
    dispatch = settings.CELERY_BEAT_SCHEDULE["integrations.tasks.dispatch_webhooks"]
    every = timedelta(seconds=times.DISPATCH_INTERVAL)
    schedule = {"dispatch": {**dispatch, "schedule": every, "options": {"expires": times.DISPATCH_EXPIRES}}}
    settings.CELERY_BEAT_SCHEDULE = module.CELERY_BEAT_SCHEDULE = schedule  # beat reads it from the module


def rebind_host() -> None:
    """Make one host name resolve at random to a permitted or to a forbidden address."""
    resolve = socket.getaddrinfo

    def rebinding(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == times.REBINDING_HOST:
            host = random.choice([times.RECEIVER_ADDRESS, times.FORBIDDEN_ADDRESS])
        return resolve(host, *args, **kwargs)

    socket.getaddrinfo = rebinding


def _reach(folder: Path, point: str, number: int = signal.SIGKILL) -> None:
    """Send this process the signal, if the kill point is armed."""
    try:
        (folder / point).rename(folder / f"{point}.{os.getpid()}")
    except FileNotFoundError:
        return
    os.kill(os.getpid(), number)


def _kill_after(folder: Path, statement: str, point: str) -> Callable[..., Any]:
    """Return an `execute_wrapper` that reaches the kill point after this statement."""

    def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = run(sql, params, many, context)
        if sql is statement:
            _reach(folder, point)
        return result

    return execute


def install_kill_points(folder: Path) -> None:
    """Wrap the functions before, in or after which a worker can be killed."""
    from integrations import sql
    from integrations.webhooks import delivery, health, leases, results

    claim, attempt, store_results, update_health, release = (
        leases.claim,
        delivery.attempt,
        results.store_results,
        health.update_health,
        leases.release_expired,
    )

    reach, kill_after = partial(_reach, folder), partial(_kill_after, folder)

    def instrumented_claim(limit: int, per_subscription: int) -> Any:
        claimed = claim(limit, per_subscription)
        if claimed:
            reach("after the claim")
        return claimed

    async def instrumented_attempt(*args: Any) -> Any:
        result = await attempt(*args)
        if result.is_success:
            reach("after the 2xx")
        return result

    def instrumented_store_results(batch: Any) -> Any:
        reach(times.STOP_POINT, signal.SIGSTOP)
        reach("before storing results")
        with connection.execute_wrapper(kill_after(sql.STORE_RESULTS, "inside the transaction that stores results")):
            return store_results(batch)

    def instrumented_update_health(*args: Any) -> None:
        reach("after the results are committed")
        update_health(*args)

    def instrumented_release() -> int:
        # Without a transaction, the statement would commit immediately, and there would be no moment before the commit.
        from django.db import transaction

        with (
            transaction.atomic(),
            connection.execute_wrapper(kill_after(sql.RELEASE_EXPIRED, "inside the release of leases")),
        ):
            return int(release())

    instrumented_store_results.__name__, instrumented_claim.__name__ = "store_results", "claim"
    instrumented_release.__name__ = "release_expired"
    leases.claim, leases.release_expired = instrumented_claim, instrumented_release
    delivery.attempt, results.store_results, health.update_health = (
        instrumented_attempt,
        instrumented_store_results,
        instrumented_update_health,
    )


if __name__ == "__main__":
    main()
