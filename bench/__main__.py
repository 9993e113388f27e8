"""Run every benchmark, one after the other. Each package below `bench` describes its own part."""

import argparse
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from bench.chromium import PATH as CHROMIUM
from bench.harness import FOLDER, QUICK_HELP, log

PARTS = ("rest", "webhooks", "live", "widget", "inbox")
# With --quick, these two groups run in parallel. They take about the same time.
PARALLEL_PARTS = (("rest", "inbox"), ("webhooks", "live", "widget"))


def missing_programs() -> list[str]:
    """Return the programs that the benchmarks need and that are missing here, each with its purpose and how to install it."""
    needed = {
        "node": "Node.js, for the clients and the baseline of live queries (apt-get install nodejs)",
        "npm": "npm, to install their packages (apt-get install npm)",
        CHROMIUM: "Chromium, for the widget and the inbox (apt-get install chromium)",
    }
    return [f"{name}: {text}" for name, text in needed.items() if not shutil.which(name)]


def main() -> int:
    """Run the benchmarks and return the exit status.

    It is 1 if a part failed, and 2 if a program is missing. In that case nothing is measured.
    """
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=QUICK_HELP)
    is_quick = parser.parse_args().quick
    if missing := missing_programs():
        log("Nothing is measured, because these programs are missing:")
        for line in missing:
            log(f"  {line}")
        log("To run a single part: .venv/bin/python -m bench.rest (or webhooks, live, widget, inbox).")
        return 2
    failed = _run_quick() if is_quick else [part for part in PARTS if not _run_part(part, [])]
    if failed:
        log(f"Failed: {', '.join(failed)}.")
    return 1 if failed else 0


def _run_quick() -> list[str]:
    """Run the groups in parallel, each with its own development services. Return the parts that failed."""
    with ThreadPoolExecutor(len(PARALLEL_PARTS)) as threads:
        return [part for failed in threads.map(_run_group, range(len(PARALLEL_PARTS))) for part in failed]


def _run_group(number: int) -> list[str]:
    folder = FOLDER.with_name(f"bench-quick-{number}")
    return [part for part in PARALLEL_PARTS[number] if not _run_part(part, ["--quick"], BENCH_QUICK_FOLDER=str(folder))]


def _run_part(part: str, options: list[str], **environment: str) -> bool:
    """Run a part. Return whether it succeeded."""
    started = time.monotonic()
    command = [sys.executable, "-m", f"bench.{part}", *options]
    status = subprocess.run(command, env=os.environ | environment, check=False).returncode
    log(f"bench.{part}: {'done' if status == 0 else 'failed'} after {time.monotonic() - started:.0f} s")
    return status == 0


if __name__ == "__main__":
    sys.exit(main())
