"""Two signatures on every request, from the same secrets: ours (the seed's) and that of the Standard Webhooks specification."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
RANDOM_BYTES = 32


def new_secret() -> str:
    """`whsec_` and 32 random bytes in base64, the form of the Standard Webhooks specification."""
    return PREFIX + base64.b64encode(secrets.token_bytes(RANDOM_BYTES)).decode()


def signature(keys: Sequence[str], timestamp: int, body: bytes) -> str:
    """`t=<unix seconds>,v1=<hex>`, one v1 for each secret: HMAC-SHA256 over "<t>.<body>", keyed with the secret as it was shown.

    The two verifiers printed in the seed read only the first v1, want it in lowercase hex directly behind t, and no spaces.
    """
    text = b"%d.%b" % (timestamp, body)
    macs = [hmac.new(key.encode(), text, hashlib.sha256).hexdigest() for key in keys]
    return f"t={timestamp}," + ",".join(f"v1={mac}" for mac in macs)


def standard_signature(keys: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,<base64>`, one for each secret, with spaces between: HMAC-SHA256 over "<id>.<t>.<body>", keyed with the bytes behind
    `whsec_` (standardwebhooks.com)."""
    text = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    macs = [hmac.new(base64.b64decode(key.removeprefix(PREFIX)), text, hashlib.sha256).digest() for key in keys]
    return " ".join("v1," + base64.b64encode(mac).decode() for mac in macs)
