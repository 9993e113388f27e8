"""The parts of the OpenAPI document that all endpoints share, and drf-spectacular's hooks."""

import re
from collections import Counter
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


TEXT = {"type": "string"}
# Without the format, generated clients use 32 bits, which is too small for times.
INT64 = {"type": "integer", "format": "int64"}


def _headers(schema: dict[str, str], texts: dict[str, str]) -> dict[str, Any]:
    return {name: {"description": text, "schema": schema} for name, text in texts.items()}


LIMIT_HEADERS = _headers(
    INT64,
    {
        "X-RateLimit-Limit": "Calls a minute allowed by the tighter of the two limits",
        "X-RateLimit-Remaining": "Calls left in this minute",
        "X-RateLimit-Reset": "When the count starts again, in seconds since the Unix epoch",
    },
)
CREATED_HEADERS = _headers(
    TEXT, {"Location": "Where to find it", "Idempotency-Replayed": "true, where the answer is a repeated one"}
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
    """Describe an endpoint by its summary only."""

    def get_description(self) -> str:  # type: ignore[override]
        """Return no description: drf-spectacular would use the docstring, which is written for readers of the code."""
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
    """Preprocessing hook: keep only the REST endpoints."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith(BASE)]


def describe_every_answer(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Postprocessing hook: add what applies to every schema and every operation."""
    schemas = result["components"]["schemas"]
    for name, schema in schemas.items():
        schema.pop("description", None)  # a docstring, written for readers of the code
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


def suit_generators(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Postprocessing hook: adapt the document to client generators.

    Names of components are part of the public API: add new ones, but never rename one.
    """
    schemas = result["components"]["schemas"]
    enums = {tuple(schema["enum"]): name for name, schema in schemas.items() if "enum" in schema}
    for schema in schemas.values():
        if schema.get("type") == "object":
            schema.setdefault("additionalProperties", True)  # without it, Go clients reject fields that are added later
        for name, field in schema.get("properties", {}).items():
            field.pop("title", None)  # drf-spectacular would give "_id" the title " id"
            schema["properties"][name] = _in_one(_with_named_choices(field, enums))
    for operation in (operation for path in result["paths"].values() for operation in path.values()):
        if body := operation.get("requestBody"):
            body["required"] = True
        for parameter in operation.get("parameters", []):
            parameter["schema"] = _with_named_choices(parameter["schema"], enums)
    _name_values_apart(schemas)
    for webhook in result["webhooks"].values():
        body = webhook["post"]["requestBody"]
        event = body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        # openapi-generator omits the type in webhooks, which makes the Python code it generates invalid.
        body["x-py-typing"] = event
    return result


def _with_named_choices(schema: dict[str, Any], enums: dict[tuple[str, ...], str]) -> dict[str, Any]:
    """Use one enum component for each set of choices, also in parameters and webhooks, which drf-spectacular's hook skips."""
    name = enums.get(tuple(schema.get("enum", ())))
    return {"$ref": _at(name)} if name else schema


def _in_one(schema: dict[str, Any]) -> dict[str, Any]:
    """Replace "oneOf this schema or an empty string" by the schema itself.

    drf-spectacular generates such a oneOf for fields that may be empty, and client generators turn it into a class.
    """
    match schema:
        case {"oneOf": [dict() as wanted, {"type": "string", "maxLength": 0}], **more}:
            return {**wanted, **more}
    return schema


def _name_values_apart(schemas: dict[str, Any]) -> None:
    """Prefix the constants of enums that share a value with the enum's name.

    Generated Go clients declare the values of all enums as constants of one package, where equal names would collide.
    """
    enums = {name: schema for name, schema in schemas.items() if "enum" in schema}
    used = Counter(value for schema in enums.values() for value in schema["enum"])
    for name, schema in enums.items():
        if any(used[value] > 1 for value in schema["enum"]):
            prefix = re.sub("(?<!^)(?=[A-Z])", "_", name).upper()
            schema["x-enum-varnames"] = [f"{prefix}_{value.upper()}" for value in schema["enum"]]


def _at(component: str) -> str:
    return f"#/components/schemas/{component}"


def _refusal(status: str, text: str) -> dict[str, Any]:
    return {
        "description": text,
        "headers": LIMIT_HEADERS | _headers(TEXT, ERROR_HEADER | STATUS_HEADERS.get(status, {})),
        "content": {"application/json": {"schema": {"$ref": _at("Refusal")}}},
    }
