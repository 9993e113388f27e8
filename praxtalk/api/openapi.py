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


def _headers(kind: str, texts: dict[str, str]) -> dict[str, Any]:
    return {name: {"description": text, "schema": {"type": kind}} for name, text in texts.items()}


LIMIT_HEADERS = _headers(
    "integer",
    {
        "X-RateLimit-Limit": "Calls a minute allowed by the tighter of the two limits",
        "X-RateLimit-Remaining": "Calls left in this minute",
        "X-RateLimit-Reset": "When the count starts again, in seconds since the Unix epoch",
    },
)
CREATED_HEADERS = _headers(
    "string", {"Location": "Where to find it", "Idempotency-Replayed": "true, where the answer is a repeated one"}
)
ERROR_HEADER = {"X-Error-Code": "A machine's word for the error"}
STATUS_HEADERS = {"401": {"WWW-Authenticate": "Bearer"}, "429": {"Retry-After": "Whole seconds to wait"}}
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
    """Postprocessing hook: what holds for every shape and every operation."""
    schemas = result["components"]["schemas"]
    for name, schema in schemas.items():
        schema.pop("description", None)  # a docstring, written for those who read the code
        if name.endswith("Request"):
            schema["additionalProperties"] = False
    schemas["Refusal"] = REFUSAL
    for path in result["paths"].values():
        for method, operation in path.items():
            if method == "post":
                operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
            for status, response in operation["responses"].items():
                if status.startswith("4"):
                    operation["responses"][status] = _refusal(status, response["description"])
                    continue
                response |= {
                    "description": "Done",
                    "headers": LIMIT_HEADERS | (CREATED_HEADERS if status == "201" else {}),
                }
            operation["responses"] |= {status: _refusal(status, text) for status, text in REFUSALS.items()}
    return result


def _refusal(status: str, text: str) -> dict[str, Any]:
    return {
        "description": text,
        "headers": LIMIT_HEADERS | _headers("string", ERROR_HEADER | STATUS_HEADERS.get(status, {})),
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}},
    }
