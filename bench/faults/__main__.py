"""Deliver webhooks for five minutes while faults are injected, and check which invariants hold."""

import argparse
import os
import secrets
import sys

import django

from bench import harness
from bench.harness import PROJECT, BenchmarkError, log

FOLDER = PROJECT / ".data" / "faults"


def main() -> int:
    """Return the exit status: 1 if an invariant does not hold, 130 after Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="the form that the tests run, about a minute")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="seed of the random choices")
    options = parser.parse_args()
    return harness.run(FOLDER, lambda: _run(is_short=options.short, seed=options.seed))


def _run(*, is_short: bool, seed: int) -> str:
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    call_command("migrate", verbosity=0)
    from bench.faults import report, run

    size = run.SHORT if is_short else run.LONG
    log(f"{size.events:,} events in {size.seconds:.0f} s, seed {seed}. Logs: {FOLDER}/run/*.log")
    evidence = run.run(size, database_url=os.environ["DATABASE_URL"], folder=FOLDER / "run", seed=seed, log=log)
    verdicts = report.check_all(evidence)
    text = report.text(evidence, verdicts)
    if any(verdict.problems for verdict in verdicts):
        raise BenchmarkError(text)
    return text


if __name__ == "__main__":
    sys.exit(main())
