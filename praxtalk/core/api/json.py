"""DRF's JSON parser and renderer, with orjson: it rejects invalid JSON (NaN, lone surrogates, bytes that are not UTF-8)."""

from typing import Any

import orjson
from django.conf import settings
from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class JsonParser(BaseParser):
    """Parse a request body, which must be one JSON object of at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise ValidationError("The body is too long.", code="too_long")
        try:
            value = orjson.loads(body)
            orjson.dumps(value)  # raises for over 254 nested levels: orjson reads 1,024 but writes only 254
        except orjson.JSONDecodeError as error:
            raise ValidationError(f"The body is not valid JSON: {error}.", code="malformed_json") from error
        except TypeError as error:
            raise ValidationError("The body is nested too deeply.", code="malformed_json") from error
        if not isinstance(value, dict):
            raise ValidationError("The body must be a JSON object.", code="malformed_json")
        return value


class JsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else orjson.dumps(data)


class JsonContentNegotiation(BaseContentNegotiation):
    """Respond with JSON regardless of the Accept header, and choose the parser by Content-Type alone."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        media_type = (request.content_type or "").split(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type
