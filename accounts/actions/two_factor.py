"""The second factor of a sign-in: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for when it is lost.

1. `begin` makes a secret, which the operator's app takes; nothing is stored yet.
2. `switch_on` stores it once the app's first code proves that it has it, and gives ten recovery codes, to be had this once.
3. `verify` takes a code of now, the 30 seconds before or after, each once; or a recovery code, each once.
4. `switch_off` forgets all of it.
"""

import hashlib
import secrets

import pyotp
from django.utils import timezone

from accounts.audit import Action, record
from accounts.models import Operator, RecoveryCode
from praxtalk.core.db.encryption import Unreadable, decrypt, encrypt
from praxtalk.core.db.transactions import joined_transaction

ISSUER = "PraxTalk"
STEP_SECONDS = 30
CODE_COUNT = 10
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is read two ways
CODE_LENGTH = 12  # 59 bits


def begin() -> str:
    """A secret for an authenticator app: 160 bits in base32."""
    return pyotp.random_base32()


def address_of(secret: str, operator: Operator) -> str:
    """What the app reads from the QR code: otpauth://..."""
    return pyotp.TOTP(secret).provisioning_uri(name=operator.email, issuer_name=ISSUER)


@joined_transaction()
def switch_on(operator: Operator, *, secret: str, code: str) -> list[str] | None:
    """The recovery codes, or None if this is no code of the secret."""
    step = _step_of(secret, code)
    if step is None:
        return None
    Operator.objects.filter(pk=operator.pk).update(encrypted_totp_secret=encrypt(secret), totp_step=step)
    record(Action.TWO_FACTOR_ON, workspace_id=operator.workspace_id, subject=operator)
    return _new_codes(operator)


@joined_transaction()
def renew_codes(operator: Operator) -> list[str]:
    """New recovery codes; those from before are refused from now on."""
    record(Action.RECOVERY_CODES_MADE, workspace_id=operator.workspace_id, subject=operator)
    return _new_codes(operator)


@joined_transaction()
def switch_off(operator: Operator, *, action: Action = Action.TWO_FACTOR_OFF) -> None:
    """A password is enough again. action: TWO_FACTOR_RESET where somebody else does it."""
    Operator.objects.filter(pk=operator.pk).update(encrypted_totp_secret="", totp_step=0)
    operator.recovery_codes.all().delete()
    record(action, workspace_id=operator.workspace_id, subject=operator)


def verify(operator: Operator, code: str) -> bool:
    """Whether this lets the operator in. Each code does so once, however many ask at the same time."""
    if not operator.encrypted_totp_secret:
        return False
    try:
        step = _step_of(decrypt(operator.encrypted_totp_secret), code)
    except Unreadable:  # its key is missing; the recovery codes need none
        step = None
    if step is not None:
        return bool(Operator.objects.filter(pk=operator.pk, totp_step__lt=step).update(totp_step=step))
    deleted, _ = operator.recovery_codes.filter(digest=_digest(code)).delete()
    return bool(deleted)


def _step_of(secret: str, code: str) -> int | None:
    """Which 30 seconds the code belongs to, None if to none near now."""
    digits = "".join(code.split())
    if not (digits.isascii() and digits.isdecimal() and len(digits) == 6):
        return None
    now = int(timezone.now().timestamp()) // STEP_SECONDS
    totp = pyotp.TOTP(secret)
    near = [step for step in (now, now - 1, now + 1) if secrets.compare_digest(totp.generate_otp(step), digits)]
    return near[0] if near else None


def _new_codes(operator: Operator) -> list[str]:
    operator.recovery_codes.all().delete()
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(CODE_COUNT)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(workspace_id=operator.workspace_id, operator=operator, digest=_digest(code)) for code in codes
    )
    return [f"{code[:4]}-{code[4:8]}-{code[8:]}" for code in codes]


def _digest(code: str) -> bytes:
    """Of a code however it is spaced. With 59 random bits and a limit on trying, a slow hash would protect nobody."""
    plain = "".join(character for character in code.lower() if character.isalnum())
    return hashlib.sha256(plain.encode()).digest()
