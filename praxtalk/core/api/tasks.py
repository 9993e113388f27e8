from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from praxtalk.core.api.idempotency import RETENTION_HOURS
from praxtalk.core.api.models import IdempotencyRecord


@shared_task
def purge_idempotency_records() -> None:
    """Delete the stored responses whose Idempotency-Key has expired."""
    IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - timedelta(hours=RETENTION_HOURS)).delete()
