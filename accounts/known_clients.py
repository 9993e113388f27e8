"""Clients from which somebody has signed in to an account before: a browser with a signed cookie, or an IP address.

Strangers who guess passwords of an account do not slow down its known clients (OWASP: "Slow down online guessing attacks with
device cookies"). A known client still needs the password and the code, like any other.
"""

import secrets
import unicodedata
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import KnownAddress
from praxtalk.core.api.address import client_address, rate_limit_unit

COOKIE = "praxtalk_device"
SALT = "accounts.known_clients"
KNOWN_FOR = timedelta(days=90)
MAX_ACCOUNTS_IN_COOKIE = 5
COOKIE_DIGEST_LENGTH = 32  # hexadecimal digits


@dataclass(frozen=True)
class Client:
    """The client that makes an attempt. name: identifies a browser or an IP address."""

    name: str
    is_known: bool


def account_digest(email: str) -> bytes:
    """Return the digest that identifies the account of this e-mail address, whether or not an operator has it.

    All spellings that match the same operator have the same digest: the sign-in form normalises to NFKC, and PostgreSQL
    compares in upper case.
    """
    normalized = unicodedata.normalize("NFKC", email).strip().upper().casefold()
    return salted_hmac(SALT, normalized, algorithm="sha256").digest()


def identify_client(request: HttpRequest, account: bytes) -> Client:
    """Return the client's browser if it is known to the account, otherwise its IP address."""
    browser_id, known = _read_cookie(request)
    if account.hex()[:COOKIE_DIGEST_LENGTH] in known:
        return Client(f"browser:{browser_id}", is_known=True)
    address = rate_limit_unit(client_address(request))
    rows = KnownAddress.objects.filter(account=account, address=address, seen_at__gt=timezone.now() - KNOWN_FOR)
    return Client(address, is_known=rows.exists())


def remember(request: HttpRequest, response: HttpResponse, email: str) -> None:
    """Mark this browser and this address as known to the account."""
    account = account_digest(email)
    KnownAddress.objects.update_or_create(
        account=account, address=rate_limit_unit(client_address(request)), defaults={"seen_at": timezone.now()}
    )
    browser_id, known = _read_cookie(request)
    digest = account.hex()[:COOKIE_DIGEST_LENGTH]
    newest_first = [digest, *(each for each in known if each != digest)][:MAX_ACCOUNTS_IN_COOKIE]
    response.set_signed_cookie(
        COOKIE,
        ".".join([browser_id or secrets.token_hex(16), *newest_first]),
        salt=SALT,
        max_age=KNOWN_FOR,
        path="/app/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def purge_old_addresses() -> None:
    """Delete the addresses from which nobody has signed in for KNOWN_FOR."""
    KnownAddress.objects.filter(seen_at__lt=timezone.now() - KNOWN_FOR).delete()


def _read_cookie(request: HttpRequest) -> tuple[str, list[str]]:
    """Return the browser's id and the digests of the accounts that it is known to.

    The id is empty if there is no cookie, or if its signature is invalid or has expired.
    """
    text = request.get_signed_cookie(COOKIE, "", salt=SALT, max_age=KNOWN_FOR) or ""
    browser_id, *known = text.split(".")
    return browser_id, known
