"""Stored responses for requests that are repeated with the same Idempotency-Key."""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone


class IdempotencyRecord(models.Model):
    """The response to a POST with an Idempotency-Key. Written in the transaction of the change itself; kept for 24 hours."""

    workspace_id = models.UUIDField()
    caller_id = models.UUIDField()
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace_id", "caller_id", "key"], name="idempotency_record_unique")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["created_at"], name="idempotency_record_age")]
