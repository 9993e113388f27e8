"""Processes of `serve` end with it, even if it was killed: an orphaned server would go on holding its port."""

import os
import signal
import threading
import time

from django.conf import settings

LOOK_EVERY_SECONDS = 0.5


def end_with_parent() -> None:
    """Watch for the death of `serve` (SERVE_PID), then end in order; does nothing in a process that it did not start."""
    if settings.SERVE_PID and os.getppid() == settings.SERVE_PID:
        threading.Thread(target=_watch, daemon=True, name="end-with-parent").start()


def _watch() -> None:
    while os.getppid() == settings.SERVE_PID:
        time.sleep(LOOK_EVERY_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
