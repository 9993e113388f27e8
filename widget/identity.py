"""Proof of who a visitor is to the site: HMAC-SHA256 of the site's own id for them, under the brand's identity secret, in hex."""

import hmac

from brands.models import Brand
from praxtalk.core.db.encryption import Unreadable, decrypt


def is_proven(brand: Brand, external_id: str, signature: str) -> bool:
    """Whether the site's server signed this id. Compared in constant time."""
    if not brand.encrypted_identity_secret:
        return False
    try:
        secret = decrypt(brand.encrypted_identity_secret)
    except Unreadable:
        return False
    expected = hmac.new(secret.encode(), external_id.encode(), "sha256").hexdigest()
    return hmac.compare_digest(expected.encode(), signature.lower().encode())
