"""The Celery app. What runs when is CELERY_BEAT_SCHEDULE in the settings."""

import os
import resource
import warnings
from typing import Any

from celery import Celery
from celery.platforms import SecurityWarning  # type: ignore[attr-defined]
from celery.signals import celeryd_init, setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")

warnings.filterwarnings("ignore", category=SecurityWarning)  # of root and pickle; tasks here are JSON only

OPEN_FILES = 4096

app = Celery("praxtalk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def use_django_logging(**kwargs: Any) -> None:
    """Leave logging as Django's settings made it; a receiver here keeps Celery from replacing it."""


@celeryd_init.connect
def allow_many_connections(**kwargs: Any) -> None:
    """Two runs of the pump overlap, each with hundreds of connections; many systems begin with a limit of 1,024 files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
