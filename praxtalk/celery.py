"""The Celery app. What runs when is CELERY_BEAT_SCHEDULE in the settings."""

import os
import warnings
from typing import Any

from celery import Celery
from celery.platforms import SecurityWarning  # type: ignore[attr-defined]
from celery.signals import beat_init, celeryd_init, setup_logging

from praxtalk.orphans import end_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")

warnings.filterwarnings("ignore", category=SecurityWarning)  # of root and pickle; tasks here are JSON only

app = Celery("praxtalk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def use_django_logging(**kwargs: Any) -> None:
    """Leave logging as Django's settings made it; a receiver here keeps Celery from replacing it."""


@celeryd_init.connect
@beat_init.connect
def end_with_serve(**kwargs: Any) -> None:
    """Workers and beat end when `serve` does."""
    end_with_parent()
