"""The audit log: who did what, when and from which address. It is append-only: a trigger rejects updates and deletions."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import F
from django.utils import timezone

from accounts.models.operators import Operator
from accounts.models.workspaces import Workspace
from praxtalk.core.db.constraints import same_workspace
from praxtalk.core.db.ids import new_id


class AuditEntry(models.Model):
    """One recorded action. `actor` is the name of an operator or an API key at that time.

    `subject` is the name of an operator, brand, API key or webhook at that time. For a visitor it is the id: see
    `accounts.audit.record`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+", db_index=False)
    operator = models.ForeignKey(Operator, on_delete=models.PROTECT, null=True, related_name="+")
    actor = models.CharField(max_length=200)
    address = models.GenericIPAddressField(null=True)
    action = models.CharField(max_length=60)  # a value of accounts.audit.Action
    subject = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name, verbose_name_plural = "entry", "entries"
        constraints: ClassVar[list[Any]] = [same_workspace("audit_entry", "operator", "accounts.Operator")]
        indexes: ClassVar[list[models.Index]] = [
            models.Index("workspace", F("created_at").desc(), F("id").desc(), name="audit_entry_newest"),
            models.Index("workspace", "action", F("created_at").desc(), F("id").desc(), name="audit_entry_by_action"),
        ]

    def __str__(self) -> str:
        return f"{self.actor}: {self.action} {self.subject}".strip()
