"""Celery beat: `python -m praxtalk.beat`. It sends tasks by name and runs none, so it does not load the Django apps."""

import logging.config
from typing import Any

from celery import Celery
from celery.signals import setup_logging

from praxtalk import settings

app = Celery("beat")
app.config_from_object(settings, namespace="CELERY")


@setup_logging.connect
def use_django_logging(**kwargs: Any) -> None:
    """Configure the same logging as in every other process."""
    logging.config.dictConfig(settings.LOGGING)


if __name__ == "__main__":
    beat: Any = app.Beat(scheduler="celery.beat.Scheduler", loglevel="WARNING", quiet=True)
    beat.run()
