"""A subscription's secrets: made here, encrypted at rest (Fernet) with the id of the key that did it."""

import base64
import secrets
from functools import cache

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

PREFIX = "whsec_"
RANDOM_BYTES = 32


def new_secret() -> str:
    """`whsec_` and 32 random bytes in base64, the form of the Standard Webhooks specification."""
    return PREFIX + base64.b64encode(secrets.token_bytes(RANDOM_BYTES)).decode()


def encrypt(secret: str) -> str:
    """The secret under the newest of ENCRYPTION_KEYS, as `<key id>:<token>`."""
    key_id, cipher = next(iter(_ciphers().items()))
    return f"{key_id}:{cipher.encrypt(secret.encode()).decode()}"


def decrypt(encrypted: str) -> str:
    """The secret again. Raises ImproperlyConfigured if its key has left ENCRYPTION_KEYS."""
    key_id, _, token = encrypted.partition(":")
    if key_id not in _ciphers():
        raise ImproperlyConfigured(f"ENCRYPTION_KEYS has no key {key_id!r}, which encrypted a webhook's secret.")
    return _ciphers()[key_id].decrypt(token).decode()


@cache
def _ciphers() -> dict[str, Fernet]:
    try:
        pairs = (pair.strip().split(":", 1) for pair in settings.ENCRYPTION_KEYS.split(","))
        return {key_id: Fernet(key) for key_id, key in pairs}
    except ValueError as error:
        raise ImproperlyConfigured(
            "ENCRYPTION_KEYS must be `id:key` pairs, each key made by Fernet.generate_key()."
        ) from error
