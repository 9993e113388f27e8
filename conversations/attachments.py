"""Files that come with messages: what is taken, kept, and given out."""

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

from conversations.models.attachments import MAX_FILE, MAX_FILE_NAME, Attachment
from conversations.orphaned_files import UploadTooOld

IMAGES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}  # by Pillow's names
FORMAT_ALIASES = {
    "MPO": "JPEG"
}  # what Pillow calls a JPEG with more pictures behind the first, as many cameras write it
SUFFIXES = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
    "application/pdf": (".pdf",),
}
log = structlog.get_logger("praxtalk.attachments")

FORMATS_WITH_ORIENTATION = ("JPEG", "MPO", "WEBP")
ROTATED_ORIENTATIONS = (5, 6, 7, 8)  # orientations of EXIF that exchange width and height when the image is shown
MAX_PIXELS = 50_000_000  # more is no photo: a few kilobytes may unfold to gigabytes in whoever looks at them


class InvalidUpload(ValueError):
    """The file is not taken; the sentence says why. code: too_long, or invalid."""

    def __init__(self, sentence: str, code: str = "invalid") -> None:
        super().__init__(sentence)
        self.code = code


@contextmanager
def kept(workspace_id: UUID, file: "File[bytes]") -> Iterator[Attachment]:
    """Check the file and store it. A message that takes it is sent inside the context; else the file is deleted at its end.

    Raises CannotTake. Outside of any transaction: storages may be slow, and locks would wait for them. What a killed process
    leaves behind is deleted later, see orphaned_files.
    """
    attachment = inspect_upload(workspace_id, file)
    file.seek(0)
    attachment.file.save(attachment.name, file, save=False)
    try:
        yield attachment
    except UploadTooOld as error:
        raise InvalidUpload("Storing the file took too long. Send it again.") from error
    finally:
        if not Attachment.objects.filter(workspace_id=workspace_id, pk=attachment.pk).exists():
            attachment.file.delete(save=False)


def inspect_upload(workspace_id: UUID, file: "File[bytes]") -> Attachment:
    """An attachment that is nowhere yet. Raises CannotTake."""
    if not 0 < file.size <= MAX_FILE:
        sentence = f"The file may have {MAX_FILE // 2**20} MB at most." if file.size else "The file is empty."
        raise InvalidUpload(sentence, "too_long" if file.size else "invalid")
    content_type, width, height = _content_of(file)
    return Attachment(
        workspace_id=workspace_id,
        name=_clean(file.name or "", SUFFIXES[content_type]),
        content_type=content_type,
        size=file.size,
        width=width,
        height=height,
    )


def attachment_json(attachment: Attachment) -> dict[str, Any]:
    """The shape that AttachmentJson declares."""
    return {
        "_id": str(attachment.pk),
        "name": attachment.name,
        "contentType": attachment.content_type,
        "size": attachment.size,
        "width": attachment.width,
        "height": attachment.height,
    }


def file_response(attachment: Attachment) -> FileResponse:
    """The content as a download that no browser runs, whatever it is. Raises Http404 where the storage has lost it."""
    try:
        content = attachment.file.open()
    except FileNotFoundError as error:
        log.error("a file is not in the storage", attachment=str(attachment.pk))
        raise Http404 from error
    response = FileResponse(content, as_attachment=True, filename=attachment.name, content_type=attachment.content_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _content_of(file: "File[bytes]") -> tuple[str, int | None, int | None]:
    """(content type, width, height), by its first bytes."""
    file.seek(0)
    if file.read(5) == b"%PDF-":
        return "application/pdf", None, None
    file.seek(0)
    try:
        with Image.open(file, formats=list(IMAGES)) as image:  # reads what stands before the pixels
            (width, height), format = image.size, str(image.format)
            if format in FORMATS_WITH_ORIENTATION and _orientation(image) in ROTATED_ORIENTATIONS:
                width, height = height, width
            content_type = IMAGES[FORMAT_ALIASES.get(format, format)]
    except Exception as error:  # Pillow's readers raise errors of every kind at a file that is broken on purpose
        log.info("a file is no image", error=type(error).__name__)
        raise InvalidUpload("Only images (PNG, JPEG, GIF, WebP) and PDF files are taken.") from error
    if width * height > MAX_PIXELS:
        raise InvalidUpload(f"The image may have {MAX_PIXELS // 1_000_000} million pixels at most.", "too_long")
    return content_type, width, height


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; 1 where there is none, or none that can be read: the picture itself may be good."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return 1


def _clean(name: str, suffixes: tuple[str, ...]) -> str:
    """The file's name without its folders and what cannot be seen, ending as its content should."""
    visible = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in name)
    path = PurePosixPath(re.split(r"[\\/]", visible)[-1].strip())
    if path.suffix.lower() in suffixes:
        return f"{path.stem[: MAX_FILE_NAME - len(path.suffix)]}{path.suffix}"
    return f"{path.name[: MAX_FILE_NAME - len(suffixes[0])] or 'file'}{suffixes[0]}"
