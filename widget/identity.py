"""Verify the identity of a visitor who is signed in to the brand's site.

The site's server signs its own id of the visitor with HMAC-SHA256, in hex. The key is the brand's identity secret.
"""

import hmac

from brands.models import Brand
from praxtalk.core.db.encryption import DecryptionError, decrypt


def is_valid_signature(brand: Brand, external_id: str, signature: str) -> bool:
    """Return whether the site's server signed this id. The signatures are compared in constant time."""
    if not brand.encrypted_identity_secret:
        return False
    try:
        secret = decrypt(brand.encrypted_identity_secret)
    except DecryptionError:
        return False
    expected = hmac.new(secret.encode(), external_id.encode(), "sha256").hexdigest()
    return hmac.compare_digest(expected.encode(), signature.lower().encode())
