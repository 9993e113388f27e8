"""Two signatures on every request, from the same secret: ours (the seed's) and that of the Standard Webhooks specification."""

import base64
import hashlib
import hmac

from integrations.webhooks.secrets import PREFIX


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """`t=<unix seconds>,v1=<hex>`: HMAC-SHA256 over "<t>.<body>", keyed with the secret as it was shown.

    The two verifiers printed in the seed read only the first v1, want it in lowercase hex directly behind t, and no spaces.
    """
    mac = hmac.new(secret.encode(), b"%d.%b" % (timestamp, body), hashlib.sha256)
    return f"t={timestamp},v1={mac.hexdigest()}"


def standard_signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,<base64>`: HMAC-SHA256 over "<id>.<t>.<body>", keyed with the bytes behind `whsec_` (standardwebhooks.com)."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    mac = hmac.new(key, b"%b.%d.%b" % (message_id.encode(), timestamp, body), hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()
