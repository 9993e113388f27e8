"""The Celery app. CELERY_BEAT_SCHEDULE (praxtalk/celery_schedule.py) lists the periodic tasks."""

import os
import resource
import warnings
from typing import Any

from celery import Celery
from celery.platforms import SecurityWarning  # type: ignore[attr-defined]
from celery.signals import celeryd_init, setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")

warnings.filterwarnings("ignore", category=SecurityWarning)  # about pickle when run as root; tasks here use JSON only

MAX_OPEN_FILES = 4096

app = Celery("praxtalk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def use_django_logging(**kwargs: Any) -> None:
    """Keep the logging that Django has configured: with a receiver for this signal, Celery does not replace it."""


@celeryd_init.connect
def allow_many_connections(**kwargs: Any) -> None:
    """Raise the limit of open files.

    Two runs of the webhook dispatcher overlap, each with hundreds of connections, and many systems allow 1,024 files by default.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(MAX_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
