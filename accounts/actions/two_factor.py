"""Two-factor authentication: codes of an authenticator app (TOTP, RFC 6238), and recovery codes in case the phone is lost.

1. `generate_secret` returns a secret for the operator's app. Nothing is stored yet.
2. `enable` stores the secret once a code proves that the app has it. It returns ten recovery codes, which are shown only once.
3. `verify` accepts the code of the current, the previous or the next 30 seconds, or a recovery code. Each code works once.
4. `disable` deletes the secret and the recovery codes.
"""

import hashlib
import secrets

import pyotp
from django.utils import timezone

from accounts.audit import Action, record
from accounts.models import Operator, RecoveryCode
from praxtalk.core.db.encryption import DecryptionError, decrypt, encrypt
from praxtalk.core.db.transactions import joined_transaction

ISSUER = "PraxTalk"
STEP_SECONDS = 30
CODE_COUNT = 10
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without i, l, o, 0 and 1, which are easily confused
CODE_LENGTH = 12  # 59 bits of entropy


def generate_secret() -> str:
    """Return a new secret for an authenticator app: 160 random bits in base32."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, operator: Operator) -> str:
    """Return the otpauth:// URL that the app reads from the QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=operator.email, issuer_name=ISSUER)


@joined_transaction()
def enable(operator: Operator, *, secret: str, code: str) -> list[str] | None:
    """Enable two-factor authentication. Return the recovery codes, or None if `code` is not a valid code of `secret`."""
    step = _matching_step(secret, code)
    if step is None:
        return None
    Operator.objects.filter(pk=operator.pk).update(encrypted_totp_secret=encrypt(secret), totp_step=step)
    record(Action.TWO_FACTOR_ENABLED, workspace_id=operator.workspace_id, subject=operator)
    return _replace_recovery_codes(operator)


@joined_transaction()
def regenerate_recovery_codes(operator: Operator) -> list[str]:
    """Replace the recovery codes and return the new ones. The old ones stop working."""
    record(Action.RECOVERY_CODES_REGENERATED, workspace_id=operator.workspace_id, subject=operator)
    return _replace_recovery_codes(operator)


@joined_transaction()
def disable(operator: Operator, *, action: Action = Action.TWO_FACTOR_DISABLED) -> None:
    """Disable two-factor authentication. action: TWO_FACTOR_RESET if somebody else does it for the operator."""
    Operator.objects.filter(pk=operator.pk).update(encrypted_totp_secret="", totp_step=0)
    operator.recovery_codes.all().delete()
    record(action, workspace_id=operator.workspace_id, subject=operator)


def verify(operator: Operator, code: str) -> bool:
    """Return whether the code is valid for the operator. Each code is accepted once, even by concurrent requests."""
    if not operator.encrypted_totp_secret:
        return False
    try:
        step = _matching_step(decrypt(operator.encrypted_totp_secret), code)
    except DecryptionError:  # the encryption key is missing; recovery codes do not need it
        step = None
    if step is not None:
        return bool(Operator.objects.filter(pk=operator.pk, totp_step__lt=step).update(totp_step=step))
    deleted, _ = operator.recovery_codes.filter(digest=_digest(code)).delete()
    return bool(deleted)


def _matching_step(secret: str, code: str) -> int | None:
    """Return the 30-second step of the code: the current, previous or next one. None if the code belongs to none of them."""
    digits = "".join(code.split())
    if not (digits.isascii() and digits.isdecimal() and len(digits) == 6):
        return None
    now = int(timezone.now().timestamp()) // STEP_SECONDS
    totp = pyotp.TOTP(secret)
    matching = [step for step in (now, now - 1, now + 1) if secrets.compare_digest(totp.generate_otp(step), digits)]
    return matching[0] if matching else None


def _replace_recovery_codes(operator: Operator) -> list[str]:
    operator.recovery_codes.all().delete()
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(CODE_COUNT)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(workspace_id=operator.workspace_id, operator=operator, digest=_digest(code)) for code in codes
    )
    return [f"{code[:4]}-{code[4:8]}-{code[8:]}" for code in codes]


def _digest(code: str) -> bytes:
    """Return the hash of a recovery code, ignoring case, spaces and hyphens.

    A slow hash would not add protection: a code has 59 random bits, and the number of attempts is limited.
    """
    plain = "".join(character for character in code.lower() if character.isalnum())
    return hashlib.sha256(plain.encode()).digest()
