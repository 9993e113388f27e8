"""Canned replies: texts that operators write once and send often."""

from typing import Any, ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models import Workspace
from brands.models import Brand
from conversations.models.messages import MAX_BODY_LENGTH, body_length_constraint
from praxtalk.core.db.constraints import same_workspace
from praxtalk.core.db.ids import new_id

CANNED_REPLIES = "canned_replies"  # the kind of topics to which lists of canned replies subscribe


class CannedReply(models.Model):
    """A text that operators insert in the inbox by typing `/` and its shortcut. brand: None for all brands."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="canned_replies")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, null=True, blank=True, related_name="canned_replies")
    shortcut = models.CharField(
        max_length=40,
        validators=[RegexValidator(r"^[\w-]+\Z", "Use only letters, digits, hyphens and underscores.")],
    )
    body = models.TextField(max_length=MAX_BODY_LENGTH)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "canned replies"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                "workspace", Lower("shortcut"), "brand", name="canned_reply_shortcut_unique", nulls_distinct=False
            ),
            same_workspace("canned_reply", "brand", "brands.Brand"),
            body_length_constraint("canned_reply"),
        ]

    def __str__(self) -> str:
        return f"/{self.shortcut}"
