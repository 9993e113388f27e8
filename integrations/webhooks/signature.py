"""The two signatures of every webhook request, made with the same secrets.

One is PraxTalk's own (X-PraxTalk-Signature), the other follows the Standard Webhooks specification (standardwebhooks.com).
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
RANDOM_BYTES = 32


def new_secret() -> str:
    """Return `whsec_` and 32 random bytes in base64, the format of the Standard Webhooks specification."""
    return PREFIX + base64.b64encode(secrets.token_bytes(RANDOM_BYTES)).decode()


def signature(keys: Sequence[str], timestamp: int, body: bytes) -> str:
    """Return `t=<unix seconds>,v1=<hex>`, with one v1 for each secret.

    A v1 is the HMAC-SHA256 of "<t>.<body>", keyed with the secret as it was shown, `whsec_` included. Some receivers read only
    the first v1. They expect it in lowercase hex, directly after t and without spaces.
    """
    text = b"%d.%b" % (timestamp, body)
    macs = [hmac.new(key.encode(), text, hashlib.sha256).hexdigest() for key in keys]
    return f"t={timestamp}," + ",".join(f"v1={mac}" for mac in macs)


def standard_signature(keys: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """Return `v1,<base64>` for each secret, separated by spaces.

    Each is the HMAC-SHA256 of "<id>.<t>.<body>", keyed with the bytes that the base64 after `whsec_` encodes.
    """
    text = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    macs = [hmac.new(base64.b64decode(key.removeprefix(PREFIX)), text, hashlib.sha256).digest() for key in keys]
    return " ".join("v1," + base64.b64encode(mac).decode() for mac in macs)
