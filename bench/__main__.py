"""Run every benchmark, one after the other. Each package below `bench` describes its own part."""

import argparse
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from bench.run import FOLDER, say
from bench.widget.__main__ import CHROMIUM

PARTS = ("rest", "webhooks", "live", "widget", "inbox")
LANES = (("rest", "inbox"), ("webhooks", "live", "widget"))  # of --quick: run in parallel, equally long
QUICK = "every part, small: it shows that the benchmarks work, and its numbers say nothing"


def missing() -> list[str]:
    """Return the programs that the benchmarks need and that are missing here, each with its purpose and how to install it."""
    needed = {
        "node": "Node.js, for the clients and the rival of live queries (apt-get install nodejs)",
        "npm": "npm, which installs these (apt-get install npm)",
        CHROMIUM: "Chromium, for the widget and the inbox (apt-get install chromium)",
    }
    return [f"{name}: {text}" for name, text in needed.items() if not shutil.which(name)]


def main() -> int:
    """Run the benchmarks and return the exit status.

    It is 1 if a part failed, and 2 if a program is missing. In that case nothing is measured.
    """
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=QUICK)
    is_quick = parser.parse_args().quick
    if lacking := missing():
        say("Nothing is measured, because this machine lacks:")
        for line in lacking:
            say(f"  {line}")
        say("A single part: .venv/bin/python -m bench.rest (or webhooks, live, widget, inbox).")
        return 2
    failed = _quickly() if is_quick else [part for part in PARTS if not _run(part, [])]
    if failed:
        say(f"Failed: {', '.join(failed)}.")
    return 1 if failed else 0


def _quickly() -> list[str]:
    """Run the lanes in parallel, each with its own development services. Return the parts that failed."""
    with ThreadPoolExecutor(len(LANES)) as threads:
        return [part for failed in threads.map(_run_lane, range(len(LANES))) for part in failed]


def _run_lane(number: int) -> list[str]:
    folder = FOLDER.with_name(f"bench-quick-{number}")
    return [part for part in LANES[number] if not _run(part, ["--quick"], BENCH_QUICK_FOLDER=str(folder))]


def _run(part: str, options: list[str], **environment: str) -> bool:
    """Run a part. Return whether it succeeded."""
    started = time.monotonic()
    command = [sys.executable, "-m", f"bench.{part}", *options]
    status = subprocess.run(command, env=os.environ | environment, check=False).returncode
    say(f"bench.{part}: {'done' if status == 0 else 'failed'} after {time.monotonic() - started:.0f} s")
    return status == 0


if __name__ == "__main__":
    sys.exit(main())
