"""The log of executed mutations, with which a mutation that is sent twice is executed once."""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone


class MutationLog(models.Model):
    """The stored result of a mutation, written in the transaction of its changes and kept for 24 hours.

    A client that lost its connection sends its unanswered mutations again, with the same session and request ids. The row belongs
    to the principal and not to the token, because the client may have a new token by then.
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
                fields=["workspace_id", "principal_id", "session_id", "request_id"], name="mutation_log_unique"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["created_at"], name="mutation_log_age")]
