"""The parser and the upload handler for requests with files."""

from tempfile import TemporaryFile
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import DataAndFiles, MultiPartParser


class UploadParser(MultiPartParser):
    """Parse multipart/form-data of at most MAX_UPLOAD_SIZE bytes. `request.data` is a QueryDict that also holds the files."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> "DataAndFiles[Any, Any]":
        if int(parser_context["request"].META.get("CONTENT_LENGTH") or 0) > settings.MAX_UPLOAD_SIZE:
            raise ValidationError("The body is too long.", code="too_long")
        try:
            return super().parse(stream, media_type, parser_context)
        except (ParseError, SuspiciousOperation) as error:  # SuspiciousOperation: too many fields or files
            raise ValidationError("The body is not valid multipart/form-data.", code="malformed_form") from error


class UnnamedFileUploadHandler(FileUploadHandler):
    """Store an upload in an unnamed temporary file, so that a killed process leaves no file behind."""

    file: "UploadedFile[bytes]"

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.file = UploadedFile(
            TemporaryFile(),  # noqa: SIM115 - closed with the request
            self.file_name,
            self.content_type,
            0,
            self.charset,
            self.content_type_extra,
        )

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        self.file.write(raw_data)
        return None

    def file_complete(self, file_size: int) -> "UploadedFile[bytes]":
        self.file.seek(0)
        self.file.size = file_size
        return self.file
