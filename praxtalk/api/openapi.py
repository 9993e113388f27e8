"""What every endpoint's description in OpenAPI has in common."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

BASE = "/api/v1/"

REFUSALS = {
    "401": "Missing, malformed, revoked or expired API key",
    "403": "The key has read scope, is limited to another brand, or may not be used from this address",
    "404": "No such thing in this workspace",
    "422": "The request failed validation; the sentence names the field",
    "429": "Rate limited; honour Retry-After",
    "5XX": "On our side; retry with backoff",
}
HEADERS = {
    "X-RateLimit-Limit": "Calls a minute allowed by the tighter of the two limits",
    "X-RateLimit-Remaining": "Calls left in this minute",
    "X-RateLimit-Reset": "When the count starts again, in seconds since the Unix epoch",
}
REFUSAL = {
    "type": "object",
    "properties": {"error": {"type": "string", "description": "A sentence a developer can act on"}},
    "required": ["error"],
    "additionalProperties": False,
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "description": "A repeat with the same key is answered as the first time, for 24 hours.",
}


class Schema(AutoSchema):
    """An endpoint's description: its summary."""

    def get_description(self) -> str:  # type: ignore[override]
        """The endpoint's own summary says it all; docstrings are for those who read the code."""
        return ""


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "integrations.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "ptk_live_..., made in the dashboard or by create_key",
        }


def only_rest(endpoints: list[Any]) -> list[Any]:
    """Preprocessing hook: the REST endpoints and nothing else."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith(BASE)]


def describe_every_answer(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Postprocessing hook: on every operation the refusals, the limit headers and, on POSTs, Idempotency-Key."""
    result["components"]["schemas"]["Refusal"] = REFUSAL
    limits = {name: {"description": text, "schema": {"type": "integer"}} for name, text in HEADERS.items()}
    refusal = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    for path in result["paths"].values():
        for method, operation in path.items():
            if method == "post":
                operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
            for response in operation["responses"].values():
                response |= {"description": "Done", "headers": limits}
            operation["responses"] |= {
                status: {"description": text, "headers": limits, "content": refusal}
                for status, text in REFUSALS.items()
            }
    return result
