"""Send one e-mail, for every sender: replies, transcripts, notifications, invitations and password links.

A sender keeps a row for each e-mail, with the number of tries and the time when the next try is due:

1. The sender claims a due row: under the row's lock, it counts the try and postpones the next one by `retry_delay`.
2. `MailRun.send` builds and sends the e-mail, with no transaction open.
3. After SENT or GIVEN_UP, the sender clears the row. After RETRY, it retries when the row is due. An e-mail that cannot be built,
   or whose recipient or content the mail server refuses permanently, is given up at once. Any other is given up after MAX_TRIES.
4. A failure does not hold up the next e-mail. A run stops early only if the mail server is unreachable or rejects the login
   MAX_CONSECUTIVE_OUTAGES times in a row. The failed e-mails are postponed, so the next run continues with the others.

Failures are counted in MailFailure, which the overview shows to owners and admins.
"""

import smtplib
from collections.abc import Callable
from datetime import datetime, timedelta
from email.errors import MessageError
from enum import Enum
from uuid import UUID

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.core.mail import EmailMessage, get_connection
from django.db import DatabaseError
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.models import MailFailure, Operator, Workspace
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.mail.headers import ascii_address, one_line

MAX_TRIES = 25  # about a day
# Longer than one try may take: EMAIL_TIMEOUT limits each step of an SMTP session, not the whole session.
FIRST_RETRY_DELAY = timedelta(minutes=10)
MAX_RETRY_DELAY = timedelta(hours=1)
MAX_CONSECUTIVE_OUTAGES = 3
RETENTION = timedelta(days=30)
TEST_TIMEOUT = 3  # seconds for each step of a test, which a browser waits for

Reason = MailFailure.Reason

log = structlog.get_logger("praxtalk.mail")


class Outcome(Enum):
    SENT = "sent"
    RETRY = "retry"
    GIVEN_UP = "given up"


def retry_delay(tries: int) -> timedelta:
    """Return how long an e-mail waits after its failed try number `tries` (the first is 1)."""
    doublings = min(tries - 1, 10)
    return min(MAX_RETRY_DELAY, FIRST_RETRY_DELAY * (1 << doublings))


class MailRun:
    """One run of a sender over its due e-mails."""

    def __init__(self, kind: MailFailure.Kind) -> None:
        self.sent = 0
        self._kind = kind
        self._consecutive_outages = 0

    @property
    def should_continue(self) -> bool:
        """Return whether this run should try the next e-mail."""
        return self._consecutive_outages < MAX_CONSECUTIVE_OUTAGES

    def send(
        self, build: Callable[[], EmailMessage], *, tries: int, workspace_id: UUID, brand_id: UUID | None, row: object
    ) -> Outcome:
        """Build and send one e-mail. tries: their number, including this one. row: the id of the sender's row, for the log.

        The demo workspace sends nothing: its people are invented, but their addresses may exist.
        """
        if Workspace.objects.filter(pk=workspace_id, is_demo=True).exists():
            return Outcome.GIVEN_UP
        try:
            _prepare(build()).send()
        except DatabaseError:
            raise
        except ObjectDoesNotExist:
            return Outcome.GIVEN_UP  # the object that the e-mail is about has been deleted
        except Exception as error:
            reason, is_final = _classify_error(error)
            is_outage = reason in (Reason.UNREACHABLE, Reason.SIGN_IN)
            self._consecutive_outages = self._consecutive_outages + 1 if is_outage else 0
            is_given_up = is_final or tries >= MAX_TRIES
            _record_failure(workspace_id, brand_id, self._kind, reason, is_given_up=is_given_up)
            # Log the error's type only: its text contains addresses.
            log.warning(
                "an e-mail could not be sent",
                kind=self._kind.value,
                row=str(row),
                reason=reason.value,
                error=type(error).__name__,
                tries=tries,
                given_up=is_given_up,
            )
            return Outcome.GIVEN_UP if is_given_up else Outcome.RETRY
        self._consecutive_outages = 0
        self.sent += 1
        return Outcome.SENT


def send_test(operator: Operator) -> MailFailure.Reason | None:
    """Send a test e-mail to the operator and wait for the mail server. Return the reason if it does not take the e-mail."""
    subject = f"Test e-mail from {one_line(operator.workspace.name)}"
    body = "PraxTalk can send e-mail: this message has arrived.\n"
    connection = get_connection(timeout=TEST_TIMEOUT)
    try:
        _prepare(EmailMessage(subject, body, to=[operator.email], connection=connection)).send()
    except Exception as error:  # whatever a mail server does is a result
        log.warning("the test e-mail could not be sent", error=type(error).__name__)
        return _classify_error(error)[0]
    return None


def _prepare(message: EmailMessage) -> EmailMessage:
    """Encode the recipients for SMTP. Raises ValueError if the e-mail cannot be built."""
    message.to = [ascii_address(address) for address in message.to]
    message.message().as_bytes()
    return message


def _classify_error(error: Exception) -> tuple[MailFailure.Reason, bool]:
    """Return the reason of the failure, and whether it is permanent."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            return Reason.RECIPIENT, all(code >= 500 for code, _ in error.recipients.values())
        case smtplib.SMTPSenderRefused():
            return Reason.SENDER, False  # somebody may correct the setting
        case smtplib.SMTPDataError():
            return Reason.CONTENT, error.smtp_code >= 500
        case smtplib.SMTPAuthenticationError():
            return Reason.SIGN_IN, False
        case OSError():  # includes SMTPException, a subclass
            return Reason.UNREACHABLE, False
        case ValueError() | TypeError() | LookupError() | MessageError():
            return Reason.INVALID, True
        case _:
            return Reason.UNKNOWN, False


@joined_transaction()
def _record_failure(
    workspace_id: UUID, brand_id: UUID | None, kind: MailFailure.Kind, reason: MailFailure.Reason, *, is_given_up: bool
) -> None:
    rows = MailFailure.objects.filter(workspace_id=workspace_id)
    failure, _ = rows.get_or_create(workspace_id=workspace_id, brand_id=brand_id, kind=kind, reason=reason)
    rows.filter(pk=failure.pk).update(
        tries=F("tries") + 1, given_up=F("given_up") + int(is_given_up), last_at=timezone.now()
    )


def failures_since(moment: datetime) -> QuerySet[MailFailure]:
    """Return the failures of all workspaces since `moment`, newest first."""
    return MailFailure.objects.filter(last_at__gte=moment).order_by("-last_at", "pk")


def purge_failures() -> None:
    """Delete failures of all workspaces that have not happened again for 30 days."""
    MailFailure.objects.filter(last_at__lt=timezone.now() - RETENTION).delete()
