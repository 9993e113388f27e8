"""Processes of `serve` end with it, even if it was killed: an orphaned server would go on holding its port."""

import os
import signal
import threading
import time

from django.conf import settings

LOOK_EVERY_SECONDS = 0.5


def end_with_parent() -> None:
    """Watch for the death of `serve` (SERVE_PID), then end in order; does nothing in what it did not start."""
    if settings.SERVE_PID:
        threading.Thread(target=_watch, daemon=True, name="end-with-parent").start()


def _watch() -> None:
    while os.getppid() == settings.SERVE_PID:
        time.sleep(LOOK_EVERY_SECONDS)
    # To the main thread itself: a signal that another thread takes would not wake it from a wait inside C.
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
