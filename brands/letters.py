"""E-mails to operators: invitations, and links for who has forgotten a password.

1. Written: a row, due at once.
2. Due: one is taken, put off by its next wait (1, 2, 4 .. 60 minutes) under its row's lock, and sent with no transaction open.
3. Sent, or nobody has the address, or tried for a day: the row is deleted. Else 2 follows when it is due again.

The link is made when the e-mail is sent: a row holds nothing that lets anybody in.
"""

from datetime import timedelta
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from brands.models import Letter, Operator
from praxtalk.data.headers import one_line

MOST_ATTEMPTS = 25  # about a day
LONGEST_WAIT_MINUTES = 60

log = structlog.get_logger("praxtalk.brands")


class InvitationTokens(PasswordResetTokenGenerator):
    """Of an invitation: good until it is accepted, withdrawn or sent anew, and as long as PASSWORD_RESET_TIMEOUT."""

    key_salt = "brands.letters.InvitationTokens"

    def _make_hash_value(self, user: Operator, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{user.invited_at}"


reset_tokens = PasswordResetTokenGenerator()
invitation_tokens = InvitationTokens()


def write(kind: Letter.Kind, email: str) -> None:
    """Have it sent, should an operator have this address."""
    Letter.objects.create(kind=kind, email=email)


def send_due() -> int:
    """Send what is due. How many were sent."""
    sent = 0
    while letter := _take():
        sent += _send(letter)
    return sent


def _take() -> Letter | None:
    with transaction.atomic():
        due = Letter.objects.filter(due_at__lte=timezone.now()).order_by("due_at")
        letter = due.select_for_update(skip_locked=True).first()
        if letter:
            wait = min(LONGEST_WAIT_MINUTES, 2**letter.attempts)
            letter.attempts += 1
            letter.due_at = timezone.now() + timedelta(minutes=wait)
            letter.save(update_fields=["attempts", "due_at"])
        return letter


def _send(letter: Letter) -> bool:
    operator = _reader(letter)
    try:
        if operator:
            send_mail(
                _subject(letter, operator), _text(letter, operator), settings.DEFAULT_FROM_EMAIL, [operator.email]
            )
    except (OSError, SMTPException) as error:
        log.warning("an e-mail could not be sent; trying again", letter=letter.pk, error=type(error).__name__)
        if letter.attempts < MOST_ATTEMPTS:
            return False
    Letter.objects.filter(pk=letter.pk).delete()
    return operator is not None


def _reader(letter: Letter) -> Operator | None:
    rows = Operator.objects.select_related("workspace").filter(email__iexact=letter.email)
    if letter.kind == Letter.Kind.INVITATION:
        return rows.filter(invited_at__isnull=False).first()
    return rows.filter(is_active=True).first()


def _subject(letter: Letter, operator: Operator) -> str:
    if letter.kind == Letter.Kind.INVITATION:
        return f"Join {one_line(operator.workspace.name)} on PraxTalk"
    return "Choose a new password for PraxTalk"


def _text(letter: Letter, operator: Operator) -> str:
    is_invitation = letter.kind == Letter.Kind.INVITATION
    token = (invitation_tokens if is_invitation else reset_tokens).make_token(operator)
    reader = urlsafe_base64_encode(force_bytes(operator.pk))
    url = settings.BASE_URL + reverse("join" if is_invitation else "choose_password", args=[reader, token])
    return render_to_string(f"brands/{letter.kind}.txt", {"operator": operator, "url": url})
