"""Deliver webhooks for five minutes while faults are injected, and check which invariants hold."""

import argparse
import os
import secrets
import signal
import sys
import time

import django

from praxtalk import devservices

FOLDER = devservices.PROJECT / ".data" / "faults"


def main() -> int:
    """Return the exit status: 1 if an invariant does not hold, 130 after Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="the form that the tests run, about a minute")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of what is chosen at random")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    for name in devservices.PROVIDED:
        os.environ.pop(name, None)  # never use a database that the environment configures
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")
    os.environ |= {"WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8", "LOG_LEVEL": "WARNING"}
    started = time.monotonic()
    try:
        devservices.start(FOLDER)
        is_right = _run(short=options.short, seed=options.seed)
    except KeyboardInterrupt:
        _say("Stopped.")
        return 130
    _say(
        f"Done in {time.monotonic() - started:.0f} s, seed {options.seed}. The processes' own words: {FOLDER}/run/*.log"
    )
    return 0 if is_right else 1


def _run(*, short: bool, seed: int) -> bool:
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    call_command("migrate", verbosity=0)
    from bench.faults import report, run

    extent = run.SHORT if short else run.LONG
    _say(f"{extent.events:,} events in {extent.seconds:.0f} s, seed {seed} ...")
    evidence = run.run(extent, database_url=os.environ["DATABASE_URL"], folder=FOLDER / "run", seed=seed, say=_say)
    verdicts = report.judge(evidence)
    print(report.text(evidence, verdicts))
    return not any(verdict.problems for verdict in verdicts)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
