"""E-mails that could not be sent, as the overview shows them to owners and admins."""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone

from accounts.models.workspaces import Workspace


class MailFailure(models.Model):
    """The number of failures to send e-mails of one brand and one kind, for one reason.

    It contains neither recipients nor responses of the mail server.
    """

    class Kind(models.TextChoices):
        REPLY = "reply", "Replies to visitors"
        TRANSCRIPT = "transcript", "Transcripts"
        MENTION = "mention", "Notifications to operators"
        ACCOUNT = "account", "Invitations and password resets"
        WEBHOOK = "webhook", "Notifications about paused webhooks"

    class Reason(models.TextChoices):
        INVALID = "invalid", "The e-mail contains an invalid address."
        RECIPIENT = "recipient", "The mail server rejected the recipient."
        SENDER = "sender", "The mail server rejected the sender."
        CONTENT = "content", "The mail server rejected the e-mail."
        SIGN_IN = "sign_in", "The mail server rejected the user name or password."
        UNREACHABLE = "unreachable", "The mail server is unreachable or does not respond."
        UNKNOWN = "unknown", "Unexpected error. See the log."

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    brand_id = models.UUIDField(null=True)  # not a foreign key: accounts does not depend on brands
    kind = models.CharField(max_length=10, choices=Kind.choices)
    reason = models.CharField(max_length=12, choices=Reason.choices)
    tries = models.PositiveIntegerField(default=0)  # failed ones only
    given_up = models.PositiveIntegerField(default=0)  # e-mails that are not retried
    first_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["workspace", "brand_id", "kind", "reason"], nulls_distinct=False, name="mail_failure_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}"
