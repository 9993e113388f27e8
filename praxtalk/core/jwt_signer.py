"""Sign and verify JWTs (RFC 7519, HS256) with keys derived from SECRET_KEY."""

import contextlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jwt
from django.conf import settings
from jwt.types import Options

ALGORITHM = "HS256"


@dataclass(frozen=True)
class JwtSigner:
    """Signs and verifies the tokens of one kind.

    purpose: part of the key derivation, so that nothing else signed with SECRET_KEY is accepted as such a token.
    audience: the claim `aud`.
    required: the claims that a token must have to be accepted.
    """

    purpose: str
    audience: str
    required: tuple[str, ...]

    def encode(self, claims: Mapping[str, Any]) -> str:
        """Return a token with these claims, signed with SECRET_KEY."""
        return jwt.encode({**claims, "aud": self.audience}, _derive_key(settings.SECRET_KEY, self.purpose), ALGORITHM)

    def decode(self, token: str) -> dict[str, Any]:
        """Return the claims of a token signed with SECRET_KEY or one of SECRET_KEY_FALLBACKS, even if it has expired.

        Raises jwt.InvalidTokenError if the token is malformed or signed with another key, its audience is wrong, or a required
        claim is missing.
        """
        options: Options = {"require": list(self.required), "verify_exp": False, "verify_iat": False}
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
            with contextlib.suppress(jwt.InvalidSignatureError):
                key = _derive_key(secret, self.purpose)
                return jwt.decode(token, key, [ALGORITHM], audience=self.audience, options=options)
        raise jwt.InvalidSignatureError("no configured key signed this token")


@lru_cache(maxsize=64)
def _derive_key(secret: str, purpose: str) -> bytes:
    return hmac.digest(secret.encode(), f"praxtalk {purpose} tokens".encode(), "sha256")
