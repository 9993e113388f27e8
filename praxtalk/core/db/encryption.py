"""Encrypt text at rest (Fernet). Each encrypted text contains the id of its key, so that keys can be rotated gradually."""

from functools import cache

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class DecryptionError(ValueError):
    """The text cannot be decrypted, for example because its key is no longer in ENCRYPTION_KEYS."""


def encrypt(text: str) -> str:
    """Encrypt `text` with the newest key, the first of ENCRYPTION_KEYS. Return `<key id>:<token>`."""
    key_id, cipher = next(iter(_ciphers().items()))
    return f"{key_id}:{cipher.encrypt(text.encode()).decode()}"


def decrypt(encrypted: str) -> str:
    """Decrypt a value of `encrypt`. Raises DecryptionError if no key decrypts it."""
    key_id, _, token = encrypted.partition(":")
    try:
        return _ciphers()[key_id].decrypt(token).decode()
    except (KeyError, InvalidToken) as error:
        raise DecryptionError(f"ENCRYPTION_KEYS has no key {key_id[:20]!r} that decrypts this value.") from error


def is_current(encrypted: str) -> bool:
    """Return whether the newest key encrypted this value."""
    return encrypted.partition(":")[0] == next(iter(_ciphers()))


@cache
def _ciphers() -> dict[str, Fernet]:
    try:
        pairs = (pair.strip().split(":", 1) for pair in settings.ENCRYPTION_KEYS.split(",") if pair.strip())
        return {key_id: Fernet(key) for key_id, key in pairs}
    except ValueError as error:
        raise ImproperlyConfigured(
            "ENCRYPTION_KEYS must be `id:key` pairs, each key made by Fernet.generate_key()."
        ) from error
