"""E-mails to operators: invitations, and links to choose a new password.

1. `enqueue` creates a row that is due immediately.
2. `send_due` claims a due row, postpones it under the row's lock, and sends the e-mail with no transaction open.
3. The row is deleted if the e-mail is sent or given up, or if no operator has the address. Otherwise step 2 is repeated when the
   row is due again. See accounts/mail.py.

The link is created when the e-mail is sent, so a row contains nothing that grants access.
"""

from functools import partial

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts.mail import MailRun, Outcome, retry_delay
from accounts.models import MailFailure, Operator, QueuedEmail
from praxtalk.core.mail.headers import one_line


class InvitationTokens(PasswordResetTokenGenerator):
    """Tokens that are valid until the invitation is accepted, revoked or sent again, at most for PASSWORD_RESET_TIMEOUT."""

    key_salt = "accounts.emails.InvitationTokens"

    def _make_hash_value(self, user: Operator, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{user.invited_at}"


reset_tokens = PasswordResetTokenGenerator()
invitation_tokens = InvitationTokens()


def enqueue(kind: QueuedEmail.Kind, email: str) -> None:
    """Queue an e-mail. It is sent only if an operator has this address."""
    QueuedEmail.objects.create(kind=kind, email=email)


def send_due() -> int:
    """Send the e-mails that are due. Return how many were sent."""
    run = MailRun(MailFailure.Kind.ACCOUNT)
    while run.should_continue and (queued_email := _claim_due()):
        _send(run, queued_email)
    return run.sent


def _claim_due() -> QueuedEmail | None:
    with transaction.atomic():
        due = QueuedEmail.objects.filter(due_at__lte=timezone.now()).order_by("due_at")
        queued_email = due.select_for_update(skip_locked=True).first()
        if queued_email:
            queued_email.attempts += 1
            queued_email.due_at = timezone.now() + retry_delay(queued_email.attempts)
            queued_email.save(update_fields=["attempts", "due_at"])
        return queued_email


def _send(run: MailRun, queued_email: QueuedEmail) -> None:
    if operator := _recipient(queued_email):
        outcome = run.send(
            partial(_build_email, queued_email, operator),
            tries=queued_email.attempts,
            workspace_id=operator.workspace_id,
            brand_id=None,
            row=queued_email.pk,
        )
        if outcome == Outcome.RETRY:
            return
    QueuedEmail.objects.filter(pk=queued_email.pk).delete()


def _recipient(queued_email: QueuedEmail) -> Operator | None:
    rows = Operator.objects.select_related("workspace").filter(email__iexact=queued_email.email)
    if queued_email.kind == QueuedEmail.Kind.INVITATION:
        return rows.filter(invited_at__isnull=False).first()
    return rows.filter(is_active=True).first()


def _build_email(queued_email: QueuedEmail, operator: Operator) -> EmailMessage:
    return EmailMessage(_subject(queued_email, operator), _body(queued_email, operator), to=[operator.email])


def _subject(queued_email: QueuedEmail, operator: Operator) -> str:
    if queued_email.kind == QueuedEmail.Kind.INVITATION:
        return f"Join {one_line(operator.workspace.name)} on PraxTalk"
    return "Reset your PraxTalk password"


def _body(queued_email: QueuedEmail, operator: Operator) -> str:
    is_invitation = queued_email.kind == QueuedEmail.Kind.INVITATION
    url = invitation_url(operator) if is_invitation else _url("password_reset_confirm", reset_tokens, operator)
    return render_to_string(f"accounts/{queued_email.kind}.txt", {"operator": operator, "url": url})


def invitation_url(operator: Operator) -> str:
    """Return a link with which an invited operator joins. Whoever has it can, until the invitation is accepted or sent again."""
    return _url("accept_invitation", invitation_tokens, operator)


def _url(page: str, tokens: PasswordResetTokenGenerator, operator: Operator) -> str:
    operator_id = urlsafe_base64_encode(force_bytes(operator.pk))
    return settings.BASE_URL + reverse(page, args=[operator_id, tokens.make_token(operator)])
