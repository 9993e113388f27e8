"""Text encrypted at rest (Fernet), each with the id of the key that did it, so that keys can be changed one after the other."""

from functools import cache

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class Unreadable(ValueError):
    """The key that encrypted this is not in ENCRYPTION_KEYS any more."""


def encrypt(text: str) -> str:
    """The text under the newest of ENCRYPTION_KEYS, as `<key id>:<token>`."""
    key_id, cipher = next(iter(_ciphers().items()))
    return f"{key_id}:{cipher.encrypt(text.encode()).decode()}"


def decrypt(encrypted: str) -> str:
    """The text again. Raises Unreadable."""
    key_id, _, token = encrypted.partition(":")
    try:
        return _ciphers()[key_id].decrypt(token).decode()
    except (KeyError, InvalidToken) as error:
        raise Unreadable(f"ENCRYPTION_KEYS has no key {key_id[:20]!r} that reads this.") from error


def is_current(encrypted: str) -> bool:
    """Whether the newest key encrypted it."""
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
