from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from praxtalk.core.live.models import MutationLog

RETENTION_HOURS = 24


@shared_task
def purge_mutation_log() -> None:
    """Delete the stored results of mutations that are too old for a client to send again."""
    MutationLog.objects.filter(created_at__lt=timezone.now() - timedelta(hours=RETENTION_HOURS)).delete()
