"""The log of mutations that makes each one happen once."""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone


class MutationLog(models.Model):
    """What a mutation was answered; written in the transaction of its effect, kept for 24 hours.

    A client that lost its connection sends what is unanswered again, under the same session and request number. The row is the
    person's and not the token's: it may have a fresh token by then.
    """

    workspace_id = models.UUIDField()
    principal_id = models.CharField(max_length=80)
    session_id = models.CharField(max_length=100)
    request_id = models.PositiveIntegerField()
    fingerprint = models.BinaryField(max_length=32)
    value = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["workspace_id", "principal_id", "session_id", "request_id"], name="performed_mutation_unique"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["created_at"], name="performed_mutation_age")]
