"""Bodies with a file in them."""

from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import DataAndFiles, MultiPartParser


class UploadParser(MultiPartParser):
    """multipart/form-data, of at most MAX_UPLOAD_SIZE bytes. Its `data` is a QueryDict with the files among the fields."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> "DataAndFiles[Any, Any]":
        if int(parser_context["request"].META.get("CONTENT_LENGTH") or 0) > settings.MAX_UPLOAD_SIZE:
            raise ValidationError("The body is too long.", code="too_long")
        try:
            return super().parse(stream, media_type, parser_context)
        except (ParseError, SuspiciousOperation) as error:  # the second: too many fields or files
            raise ValidationError("The body is not a valid multipart/form-data.", code="malformed_form") from error
