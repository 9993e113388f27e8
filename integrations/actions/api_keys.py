"""Create, check and revoke API keys.

A key is `ptk_live_`, 36 random base62 characters and a checksum: the CRC-32 of everything before it, as 6 base62 characters.
The checksum allows a mistyped or invented key to be rejected without a database query. Only the SHA-256 digest of the whole
secret is stored. The secret has 214 random bits and cannot be guessed, so a slow hash would add no protection.
"""

import hashlib
import secrets
import zlib
from datetime import datetime

from django.utils import timezone

from accounts.audit import Action, record
from accounts.models import Operator, Workspace
from brands.models import ALPHANUMERIC, Brand
from integrations.models import ApiKey
from praxtalk.core.db.transactions import joined_transaction

PREFIX = "ptk_live_"
RANDOM_LENGTH = 36
CHECKSUM_LENGTH = 6
SECRET_LENGTH = len(PREFIX) + RANDOM_LENGTH + CHECKSUM_LENGTH
SHOWN_PREFIX_LENGTH = len(PREFIX) + 4


@joined_transaction()
def create_key(
    workspace: Workspace,
    *,
    name: str,
    scope: ApiKey.Scope,
    brand: Brand | None = None,
    allowed_cidrs: list[str] | None = None,
    expires_at: datetime | None = None,
    created_by: Operator | None = None,
) -> tuple[ApiKey, str]:
    """Create an API key. Return it with its secret, which cannot be retrieved later."""
    secret = _new_secret()
    key = ApiKey.objects.create(
        workspace=workspace,
        brand=brand,
        name=name,
        scope=scope,
        digest=digest(secret),
        prefix=secret[:SHOWN_PREFIX_LENGTH],
        last_four=secret[-4:],
        allowed_cidrs=allowed_cidrs or [],
        expires_at=expires_at,
        created_by=created_by,
    )
    record(
        Action.KEY_CREATED, workspace_id=workspace.pk, subject=key, scope=scope, brand=brand.name if brand else "all"
    )
    return key, secret


@joined_transaction()
def revoke_key(key: ApiKey) -> bool:
    """Revoke the key immediately. Return False if it was already revoked."""
    now = timezone.now()
    rows = ApiKey.objects.filter(workspace_id=key.workspace_id, pk=key.pk, revoked_at__isnull=True)
    if not rows.update(revoked_at=now):
        return False
    record(Action.KEY_REVOKED, workspace_id=key.workspace_id, subject=key)
    return True


def digest(secret: str) -> bytes:
    """Return the SHA-256 digest (32 bytes) by which a key is looked up."""
    return hashlib.sha256(secret.encode()).digest()


def is_well_formed(secret: str) -> bool:
    """Return whether the secret has the right prefix, length and checksum."""
    if len(secret) != SECRET_LENGTH or not secret.startswith(PREFIX) or not secret.isascii():
        return False
    return secret[-CHECKSUM_LENGTH:] == _checksum(secret[:-CHECKSUM_LENGTH])


def _new_secret() -> str:
    stem = PREFIX + "".join(secrets.choice(ALPHANUMERIC) for _ in range(RANDOM_LENGTH))
    return stem + _checksum(stem)


def _checksum(stem: str) -> str:
    number, digits = zlib.crc32(stem.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        number, rest = divmod(number, len(ALPHANUMERIC))
        digits = ALPHANUMERIC[rest] + digits
    return digits
