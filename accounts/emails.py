"""E-mails to operators: invitations, and links to choose a new password.

1. `write` creates a row that is due immediately.
2. `send_due` takes a due row, postpones it under the row's lock, and sends the e-mail with no transaction open.
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

from accounts.mail import MailRun, Outcome, pause_after
from accounts.models import MailFailure, Operator, QueuedEmail
from praxtalk.core.mail.headers import one_line


class InvitationTokens(PasswordResetTokenGenerator):
    """Tokens that are valid until the invitation is accepted, revoked or sent again, at most for PASSWORD_RESET_TIMEOUT."""

    key_salt = "accounts.emails.InvitationTokens"

    def _make_hash_value(self, user: Operator, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{user.invited_at}"


reset_tokens = PasswordResetTokenGenerator()
invitation_tokens = InvitationTokens()


def write(kind: QueuedEmail.Kind, email: str) -> None:
    """Queue an e-mail. It is sent only if an operator has this address."""
    QueuedEmail.objects.create(kind=kind, email=email)


def send_due() -> int:
    """Send the e-mails that are due. Return how many were sent."""
    run = MailRun(MailFailure.Kind.LETTER)
    while run.goes_on and (letter := _take()):
        _send(run, letter)
    return run.sent


def _take() -> QueuedEmail | None:
    with transaction.atomic():
        due = QueuedEmail.objects.filter(due_at__lte=timezone.now()).order_by("due_at")
        letter = due.select_for_update(skip_locked=True).first()
        if letter:
            letter.attempts += 1
            letter.due_at = timezone.now() + pause_after(letter.attempts)
            letter.save(update_fields=["attempts", "due_at"])
        return letter


def _send(run: MailRun, letter: QueuedEmail) -> None:
    if operator := _reader(letter):
        outcome = run.send(
            partial(_email, letter, operator),
            tries=letter.attempts,
            workspace_id=operator.workspace_id,
            brand_id=None,
            row=letter.pk,
        )
        if outcome == Outcome.LATER:
            return
    QueuedEmail.objects.filter(pk=letter.pk).delete()


def _reader(letter: QueuedEmail) -> Operator | None:
    rows = Operator.objects.select_related("workspace").filter(email__iexact=letter.email)
    if letter.kind == QueuedEmail.Kind.INVITATION:
        return rows.filter(invited_at__isnull=False).first()
    return rows.filter(is_active=True).first()


def _email(letter: QueuedEmail, operator: Operator) -> EmailMessage:
    return EmailMessage(_subject(letter, operator), _text(letter, operator), to=[operator.email])


def _subject(letter: QueuedEmail, operator: Operator) -> str:
    if letter.kind == QueuedEmail.Kind.INVITATION:
        return f"Join {one_line(operator.workspace.name)} on PraxTalk"
    return "Choose a new password for PraxTalk"


def _text(letter: QueuedEmail, operator: Operator) -> str:
    is_invitation = letter.kind == QueuedEmail.Kind.INVITATION
    token = (invitation_tokens if is_invitation else reset_tokens).make_token(operator)
    reader = urlsafe_base64_encode(force_bytes(operator.pk))
    url = settings.BASE_URL + reverse("join" if is_invitation else "choose_password", args=[reader, token])
    return render_to_string(f"accounts/{letter.kind}.txt", {"operator": operator, "url": url})
