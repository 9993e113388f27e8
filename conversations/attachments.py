"""Check, store and serve the files that are attached to messages."""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import structlog
from django.core.files import File
from django.http import FileResponse, Http404
from PIL import ExifTags, Image

from conversations.models.attachments import MAX_FILE_BYTES, MAX_FILE_NAME_LENGTH, Attachment
from conversations.orphaned_files import UploadTooOld

# Content types by Pillow's names of the formats.
CONTENT_TYPE_BY_FORMAT = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
# MPO is Pillow's name for a JPEG file with further images after the first one, as many cameras write it.
FORMAT_ALIASES = {"MPO": "JPEG"}
SUFFIXES = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
    "application/pdf": (".pdf",),
}
FORMATS_WITH_ORIENTATION = ("JPEG", "MPO", "WEBP")
ROTATED_ORIENTATIONS = (5, 6, 7, 8)  # EXIF orientations that swap width and height when the image is shown
MAX_PIXELS = 50_000_000  # more than photos have; a small file could otherwise decompress to gigabytes in a browser

log = structlog.get_logger("praxtalk.attachments")


class InvalidUpload(ValueError):
    """The file is rejected; the message says why. code: "too_long" or "invalid"."""

    def __init__(self, message: str, code: str = "invalid") -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def stored_upload(workspace_id: UUID, file: "File[bytes]") -> Iterator[Attachment]:
    """Check the file, store it, and yield its unsaved attachment. Raises InvalidUpload.

    Send the message that has the attachment inside the context; otherwise the file is deleted at the end of the context. Do not
    use it inside a transaction: a slow storage would delay the release of locks. `orphaned_files` deletes files that a killed
    process leaves behind.
    """
    attachment = inspect_upload(workspace_id, file)
    file.seek(0)
    attachment.file.save(attachment.name, file, save=False)
    try:
        yield attachment
    except UploadTooOld as error:
        raise InvalidUpload("Storing the file took too long. Please send it again.") from error
    finally:
        if not Attachment.objects.filter(workspace_id=workspace_id, pk=attachment.pk).exists():
            attachment.file.delete(save=False)


def inspect_upload(workspace_id: UUID, file: "File[bytes]") -> Attachment:
    """Check the file and return an attachment that is neither stored nor saved. Raises InvalidUpload."""
    if not 0 < file.size <= MAX_FILE_BYTES:
        message = f"The file is larger than {MAX_FILE_BYTES // 2**20} MB." if file.size else "The file is empty."
        raise InvalidUpload(message, "too_long" if file.size else "invalid")
    content_type, width, height = _detect_content(file)
    return Attachment(
        workspace_id=workspace_id,
        name=_clean_name(file.name or "", SUFFIXES[content_type]),
        content_type=content_type,
        size=file.size,
        width=width,
        height=height,
    )


def attachment_json(attachment: Attachment) -> dict[str, Any]:
    """Return an attachment as AttachmentJson declares it."""
    return {
        "_id": str(attachment.pk),
        "name": attachment.name,
        "contentType": attachment.content_type,
        "size": attachment.size,
        "width": attachment.width,
        "height": attachment.height,
    }


def file_response(attachment: Attachment) -> FileResponse:
    """Return the file as a download that no browser executes. Raises Http404 if the storage does not have it."""
    try:
        content = attachment.file.open()
    except FileNotFoundError as error:
        log.error("attachment file is missing from storage", attachment=str(attachment.pk))
        raise Http404 from error
    response = FileResponse(content, as_attachment=True, filename=attachment.name, content_type=attachment.content_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _detect_content(file: "File[bytes]") -> tuple[str, int | None, int | None]:
    """Detect the type from the first bytes and return (content type, width, height). Raises InvalidUpload."""
    file.seek(0)
    if file.read(5) == b"%PDF-":
        return "application/pdf", None, None
    file.seek(0)
    try:
        with Image.open(file, formats=list(CONTENT_TYPE_BY_FORMAT)) as image:  # reads only the header, not the pixels
            (width, height), format = image.size, str(image.format)
            if format in FORMATS_WITH_ORIENTATION and _orientation(image) in ROTATED_ORIENTATIONS:
                width, height = height, width
            content_type = CONTENT_TYPE_BY_FORMAT[FORMAT_ALIASES.get(format, format)]
    except Exception as error:  # Pillow raises errors of any kind for deliberately broken files
        log.info("upload rejected: not a readable image", error=type(error).__name__)
        raise InvalidUpload("Only PNG, JPEG, GIF and WebP images and PDF files are accepted.") from error
    if width * height > MAX_PIXELS:
        raise InvalidUpload(f"The image has more than {MAX_PIXELS // 1_000_000} million pixels.", "too_long")
    return content_type, width, height


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8. Return 1 if it is missing or unreadable: the image itself may be valid."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return 1


def _clean_name(name: str, suffixes: tuple[str, ...]) -> str:
    """Return the file's name without folders and invisible characters, and with a suffix that fits its content."""
    visible = "".join(" " if unicodedata.category(character)[0] in "CZ" else character for character in name)
    path = PurePosixPath(re.split(r"[\\/]", visible)[-1].strip())
    if path.suffix.lower() in suffixes:
        return f"{path.stem[: MAX_FILE_NAME_LENGTH - len(path.suffix)]}{path.suffix}"
    return f"{path.name[: MAX_FILE_NAME_LENGTH - len(suffixes[0])] or 'file'}{suffixes[0]}"
