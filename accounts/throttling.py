"""Limits on guessing secrets: passwords, two-factor codes, and requests for password links.

1. `register_attempt` stores the attempt as a failed one, or raises TooManyAttempts. An interrupted attempt stays a failed one.
2. The caller checks the secret, outside any transaction.
3. The caller deletes the attempt if the secret was right.

A client is a known browser or an IP address, see `accounts.known_clients`. The limits apply to each purpose separately:

- a client and an account together: SIGN_INS_A_MINUTE failures a minute;
- a client, over all accounts: four times as many;
- an account: after twice as many failures within an hour, an attempt must come at least 1, 2, 4 ... 60 s after the latest
  failure (at most 600 s for password links). Clients that are unknown to the account are counted together. Each known client
  is counted alone, so strangers cannot lock out anybody who has signed in before.

The failures are rows in PostgreSQL, so the limits are the same on every node, and apply while Valkey is unreachable.
"""

import math
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Max, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.known_clients import account_digest, identify_client
from accounts.models import FailedAttempt
from praxtalk.core.db.advisory_locks import ACCOUNTS, CLIENTS, lock

Purpose = FailedAttempt.Purpose

MINUTE = timedelta(minutes=1)
ATTEMPT_WINDOW = timedelta(hours=1)
CLIENT_LIMIT_FACTOR = 4  # times SIGN_INS_A_MINUTE: the limit of a client over all accounts
ACCOUNT_LIMIT_FACTOR = 2  # times SIGN_INS_A_MINUTE: failures on an account in ATTEMPT_WINDOW before attempts must wait
MAX_BACKOFF_SECONDS = 60
MAX_RESET_BACKOFF_SECONDS = 600  # longer, so that the e-mails do not fill a mailbox


class TooManyAttempts(Exception):
    """An attempt exceeds a limit. retry_after: seconds until the next attempt is allowed, at least 1."""

    def __init__(self, wait: timedelta) -> None:
        self.retry_after = max(1, math.ceil(wait.total_seconds()))
        unit = "second" if self.retry_after == 1 else "seconds"
        super().__init__(f"Too many attempts. Try again in {self.retry_after} {unit}.")


class OperatorThrottled(TooManyAttempts):
    """An attempt exceeds the limit of the account, not that of the client: other clients may have caused it."""


def register_attempt(purpose: Purpose, request: HttpRequest, *, email: str) -> FailedAttempt:
    """Store an attempt on the account of this e-mail address. Raises TooManyAttempts; a rejected attempt does not count."""
    account = account_digest(email)
    client = identify_client(request, account)
    with transaction.atomic():
        lock(ACCOUNTS, account)  # serialise counting for this account and for this client
        lock(CLIENTS, client.name.encode())
        now = timezone.now()
        rows = FailedAttempt.objects.filter(purpose=purpose, created_at__gt=now - ATTEMPT_WINDOW)
        of_client, limit = rows.filter(client=client.name), settings.SIGN_INS_A_MINUTE
        if wait := max(
            _rate_limit_delay(of_client.filter(account=account), limit, now),
            _rate_limit_delay(of_client, limit * CLIENT_LIMIT_FACTOR, now),
        ):
            raise TooManyAttempts(wait)
        counted_together = of_client if client.is_known else rows.filter(is_known=False)
        max_seconds = MAX_RESET_BACKOFF_SECONDS if purpose == Purpose.RESET else MAX_BACKOFF_SECONDS
        if wait := _backoff_delay(counted_together.filter(account=account), max_seconds, now):
            raise OperatorThrottled(wait)
        return FailedAttempt.objects.create(
            purpose=purpose, account=account, client=client.name, is_known=client.is_known, created_at=now
        )


def purge_old_attempts() -> None:
    """Delete the failures that no longer count."""
    FailedAttempt.objects.filter(created_at__lt=timezone.now() - ATTEMPT_WINDOW).delete()


def _rate_limit_delay(rows: QuerySet[FailedAttempt], limit: int, now: datetime) -> timedelta:
    """Return the time until the last minute has fewer than `limit` failures; zero if an attempt is allowed now."""
    newest = rows.filter(created_at__gt=now - MINUTE).order_by("-created_at").values_list("created_at", flat=True)
    counted = list(newest[:limit])
    return counted[-1] + MINUTE - now if len(counted) == limit else timedelta()


def _backoff_delay(rows: QuerySet[FailedAttempt], max_seconds: int, now: datetime) -> timedelta:
    """Return the time until the next attempt on this account is allowed; zero if it is allowed now."""
    counted = rows.aggregate(number=Count("pk"), latest=Max("created_at"))
    excess = counted["number"] - ACCOUNT_LIMIT_FACTOR * settings.SIGN_INS_A_MINUTE
    if excess < 0:
        return timedelta()
    latest: datetime = counted["latest"]
    seconds = min(max_seconds, 2 ** min(excess, max_seconds.bit_length()))
    return max(timedelta(), latest + timedelta(seconds=seconds) - now)
