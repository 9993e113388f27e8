"""The parts of the OpenAPI document that all endpoints share, and drf-spectacular's hooks."""

import re
from collections import Counter
from typing import Any

from drf_spectacular.openapi import AutoSchema

BASE = "/api/v1/"

ERROR_RESPONSES = {
    "401": "Missing, malformed, revoked or expired API key",
    "403": "The key has read scope, is limited to another brand, or may not be used from this address",
    "404": "No such object in this workspace",
    "422": "Validation failed; the error message names the field",
    "429": "Rate limit exceeded; wait for the time in Retry-After",
    "5XX": "Server error; retry with backoff",
}
TEXT = {"type": "string"}
# Without the format, generated clients use 32 bits, too few for milliseconds since the epoch.
INT64 = {"type": "integer", "format": "int64"}


def _headers(schema: dict[str, str], texts: dict[str, str]) -> dict[str, Any]:
    return {name: {"description": text, "schema": schema} for name, text in texts.items()}


RATE_LIMIT_HEADERS = _headers(
    INT64,
    {
        "X-RateLimit-Limit": "Calls per minute allowed by the more restrictive of the two limits",
        "X-RateLimit-Remaining": "Calls left in the current minute",
        "X-RateLimit-Reset": "When the count restarts, in seconds since the Unix epoch",
    },
)
CREATED_HEADERS = _headers(
    TEXT,
    {
        "Location": "URL of the created object",
        "Idempotency-Replayed": "true if this is the stored response to an earlier request",
    },
)
ERROR_HEADER = {"X-Error-Code": "Machine-readable error code"}
STATUS_HEADERS = {"401": {"WWW-Authenticate": "Bearer"}, "429": {"Retry-After": "Seconds to wait before retrying"}}
ERROR_SCHEMA = {
    "type": "object",
    "properties": {"error": {"type": "string", "description": "What is wrong, for the developer of the client"}},
    "required": ["error"],
    "additionalProperties": False,
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "description": "For 24 hours, a repeated request with the same key gets the first response again.",
}


class Schema(AutoSchema):
    """Describe an endpoint by its summary only."""

    def get_description(self) -> str:  # type: ignore[override]
        """Return no description: drf-spectacular would use the docstring, which is written for readers of the code."""
        return ""


def only_rest(endpoints: list[Any]) -> list[Any]:
    """Preprocessing hook: keep only the REST endpoints."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith(BASE)]


def add_common_responses(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Postprocessing hook: add what applies to every schema and every operation."""
    schemas = result["components"]["schemas"]
    for name, schema in schemas.items():
        schema.pop("description", None)  # a docstring, written for readers of the code
        if name.endswith("Request"):
            schema["additionalProperties"] = False
    schemas["Refusal"] = ERROR_SCHEMA
    for path in result["paths"].values():
        for method, operation in path.items():
            if method == "post":
                operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
            for status, response in operation["responses"].items():
                if status.startswith("4"):
                    operation["responses"][status] = _error_response(status, response["description"])
                    continue
                response |= {
                    "description": "Success",
                    "headers": RATE_LIMIT_HEADERS | (CREATED_HEADERS if status == "201" else {}),
                }
            operation["responses"] |= {
                status: _error_response(status, text) for status, text in ERROR_RESPONSES.items()
            }
    return result


def adapt_for_generators(result: dict[str, Any], **_: Any) -> dict[str, Any]:
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
            schema["properties"][name] = _unwrap_one_of(_with_named_choices(field, enums))
    for operation in (operation for path in result["paths"].values() for operation in path.values()):
        if body := operation.get("requestBody"):
            body["required"] = True
        for parameter in operation.get("parameters", []):
            parameter["schema"] = _with_named_choices(parameter["schema"], enums)
    _prefix_shared_values(schemas)
    for webhook in result["webhooks"].values():
        body = webhook["post"]["requestBody"]
        event = body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        # openapi-generator omits the type in webhooks, which makes the Python code it generates invalid.
        body["x-py-typing"] = event
    return result


def _with_named_choices(schema: dict[str, Any], enums: dict[tuple[str, ...], str]) -> dict[str, Any]:
    """Use one enum component for each set of choices, also in parameters and webhooks, which drf-spectacular's hook skips."""
    name = enums.get(tuple(schema.get("enum", ())))
    return {"$ref": _reference(name)} if name else schema


def _unwrap_one_of(schema: dict[str, Any]) -> dict[str, Any]:
    """Replace "oneOf this schema or an empty string" by the schema itself.

    drf-spectacular generates such a oneOf for fields that may be empty, and client generators turn it into a class.
    """
    match schema:
        case {"oneOf": [dict() as wanted, {"type": "string", "maxLength": 0}], **more}:
            return {**wanted, **more}
    return schema


def _prefix_shared_values(schemas: dict[str, Any]) -> None:
    """Prefix the constants of enums that share a value with the enum's name.

    Generated Go clients declare the values of all enums as constants of one package, where equal names would collide.
    """
    enums = {name: schema for name, schema in schemas.items() if "enum" in schema}
    used = Counter(value for schema in enums.values() for value in schema["enum"])
    for name, schema in enums.items():
        if any(used[value] > 1 for value in schema["enum"]):
            prefix = re.sub("(?<!^)(?=[A-Z])", "_", name).upper()
            schema["x-enum-varnames"] = [f"{prefix}_{value.upper()}" for value in schema["enum"]]


def _reference(component: str) -> str:
    return f"#/components/schemas/{component}"


def _error_response(status: str, text: str) -> dict[str, Any]:
    return {
        "description": text,
        "headers": RATE_LIMIT_HEADERS | _headers(TEXT, ERROR_HEADER | STATUS_HEADERS.get(status, {})),
        "content": {"application/json": {"schema": {"$ref": _reference("Refusal")}}},
    }
