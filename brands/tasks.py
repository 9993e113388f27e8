from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from brands.models import OperatorSession

KEPT_DAYS = 30


@shared_task
def forget_operator_sessions() -> None:
    """Delete the sessions that ended long ago, of any workspace."""
    OperatorSession.objects.filter(expires_at__lt=timezone.now() - timedelta(days=KEPT_DAYS)).delete()
