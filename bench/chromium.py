"""Chromium, in which the widget and the inbox are measured."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.harness import BenchmarkError

PATH = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def require_chromium() -> None:
    """Raise BenchmarkError if Chromium is not installed."""
    if not Path(PATH).exists():
        raise BenchmarkError("Chromium is not installed (apt-get install chromium).")


@contextmanager
def browser(*flags: str) -> Iterator[Any]:
    """Run Chromium while the body runs. Yield Playwright's browser."""
    from playwright.sync_api import sync_playwright

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's event loop and the ORM share this thread
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=PATH, args=[*FLAGS, *flags])
        yield launched
        launched.close()


def version() -> str:
    return subprocess.run([PATH, "--version"], capture_output=True, text=True, check=False).stdout.strip()
