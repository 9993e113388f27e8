from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from praxtalk.core.api.idempotency import KEPT_HOURS
from praxtalk.core.api.models import IdempotencyRecord


@shared_task
def forget_answers() -> None:
    """Delete the stored responses whose Idempotency-Key has expired."""
    IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - timedelta(hours=KEPT_HOURS)).delete()
