"""Data for limits on guessing secrets: failed attempts, and the addresses from which people have signed in.

Both identify an account by the digest of an e-mail address, whether or not an operator has it, so they belong to no workspace.
"""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone


class FailedAttempt(models.Model):
    """An attempt to guess a secret. It is stored before the secret is checked, and deleted if the secret is right."""

    class Purpose(models.TextChoices):
        PASSWORD = "password"  # noqa: S105 - for sign-in
        CODE = "code"  # a two-factor code or a recovery code
        CONFIRMATION = "confirmation"  # the password of a signed-in operator, asked for again
        RESET = "reset"  # a request for a password link; every request counts

    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    account = models.BinaryField(max_length=32)
    client = models.CharField(max_length=64)  # an address, or a known browser
    is_known = models.BooleanField()  # the client has signed in to the account before
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index("account", "purpose", "created_at", name="failed_attempt_by_account"),
            models.Index("client", "purpose", "created_at", name="failed_attempt_by_client"),
        ]


class KnownAddress(models.Model):
    """An address from which somebody has signed in to the account."""

    account = models.BinaryField(max_length=32)
    address = models.CharField(max_length=64)  # an IPv4 address, or the /64 of an IPv6 address
    seen_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["account", "address"], name="known_address_unique")
        ]
