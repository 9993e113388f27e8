"""Files of visitors: which are accepted, who can download them, and how they are served."""

import contextlib
import io
import json
import random
import uuid

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import ExifTags, Image

from conversations.attachments import InvalidUpload, inspect_upload, stored_upload
from conversations.models import Attachment, Conversation, Message
from integrations.actions.api_keys import create_key
from tests.widget.visitors import VisitorClient, client_id

PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF"
MAX = 10 * 2**20


def image(format="PNG", size=(40, 30), **options):
    content = io.BytesIO()
    Image.new("RGB", size, "#2563eb").save(content, format, **options)
    return content.getvalue()


SECOND_FRAME = Image.new("RGB", (300, 200), "#dc2626")


def rotated_image(format):
    """Return an image as phones write it: landscape pixels with an EXIF rotation to portrait."""
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    return image(format, (400, 300), exif=turned)


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(Attachment._meta.get_field("file"), "storage", FileSystemStorage(tmp_path / "files"))
    return tmp_path / "files"


@pytest.fixture
def visitor(tenants):
    visitor = VisitorClient(tenants.north)
    visitor.start()
    return visitor


def stored(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def rest(secret, path):
    return Client().get(path, headers={"Authorization": f"Bearer {secret}"})


@pytest.mark.parametrize(
    ("name", "content", "content_type", "size"),
    [
        ("photo.png", image(), "image/png", (40, 30)),
        ("photo.jpg", image("JPEG", (300, 200)), "image/jpeg", (300, 200)),
        (
            "two-pictures.jpg",
            image("MPO", (300, 200), save_all=True, append_images=[SECOND_FRAME]),
            "image/jpeg",
            (300, 200),
        ),
        ("move.gif", image("GIF"), "image/gif", (40, 30)),
        ("small.webp", image("WEBP"), "image/webp", (40, 30)),
        ("upright.jpg", rotated_image("JPEG"), "image/jpeg", (300, 400)),
        ("upright.webp", rotated_image("WEBP"), "image/webp", (300, 400)),
        ("invoice.pdf", PDF, "application/pdf", (None, None)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_sent_file_is_shown_as_a_message_of_the_thread(visitor, tenants, name, content, content_type, size):
    response = visitor.send_file(name, content)
    assert response.status_code == 201, response.content
    message = visitor.thread().json()["messages"][-1]
    assert (message["_id"], message["body"]) == (response.json()["messageId"], name)
    (attachment,) = message["attachments"]
    assert attachment == {
        "_id": str(Attachment.objects.get().pk),
        "name": name,
        "contentType": content_type,
        "size": len(content),
        "width": size[0],
        "height": size[1],
    }
    got = visitor.file(attachment["_id"])
    assert (got.status_code, got.getvalue()) == (200, content)
    assert got["Content-Type"] == content_type
    assert got["Content-Disposition"] == f'attachment; filename="{name}"'
    assert got["X-Content-Type-Options"] == "nosniff"
    assert got["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "Authorization" in got["Vary"]


def test_crm_can_see_and_download_the_file(visitor, tenants, conversations):
    visitor.send_file("photo.png", image(), body="Look!")
    conversation = Message.objects.get(body="Look!").conversation
    secret = create_key(tenants.acme, name="CRM", scope="read")[1]
    (attachment,) = rest(secret, f"/api/v1/messages?conversationId={conversation.pk}").json()["messages"][-1][
        "attachments"
    ]
    got = rest(secret, f"/api/v1/attachments/{attachment['_id']}")
    assert got.getvalue() == image()
    assert (got["Cache-Control"], got["X-Content-Type-Options"]) == ("no-store", "nosniff")
    event = tenants.acme.events.filter(name="message.created").latest("created_at")
    assert json.loads(event.body)["data"]["message"]["attachments"] == [attachment]


def test_other_visitors_and_workspaces_cannot_download_the_file(visitor, tenants):
    visitor.send_file("photo.png", image())
    pk = Attachment.objects.get().pk
    other, rival = VisitorClient(tenants.north), VisitorClient(tenants.west)
    for stranger in (other, rival):
        assert stranger.file(pk).status_code == 401
        stranger.start()
        assert stranger.file(pk).status_code == 404
    rival.brand = tenants.north
    assert rival.file(pk).status_code == 401
    path = f"/api/v1/attachments/{pk}"
    assert rest(create_key(tenants.globex, name="CRM", scope="write")[1], path).status_code == 404
    limited = create_key(tenants.acme, name="South", scope="read", brand=tenants.south)[1]
    assert rest(limited, path).status_code == 403
    assert Client().get(path).status_code == 401
    for wrong in ("nothing", "0" * 36, "%00", str(Conversation.objects.first().pk)):
        assert visitor.file(wrong).status_code == 404


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("page.html", b"<script>alert(1)</script>", "invalid"),
        ("photo.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "invalid"),
        ("photo.png", b"<html><script>alert(1)</script>", "invalid"),
        ("tool.exe", b"MZ\x90\x00" + b"\x00" * 200, "invalid"),
        ("cut.png", image()[:20], "invalid"),
        ("photo.bmp", image("BMP"), "invalid"),
        ("empty.png", b"", "invalid"),
        ("large.pdf", PDF + b" " * (MAX - len(PDF) + 1), "too_long"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rejected_file_is_not_stored(visitor, folder, name, content, code):
    response = visitor.send_file(name, content, content_type="image/png")
    assert (response.status_code, response.json()["fields"]) == (422, {"file": code})
    assert Attachment.objects.count() == 0
    assert Message.objects.count() == 1
    assert not stored(folder)


def test_decompression_bomb_is_rejected(visitor, folder):
    bomb = image(size=(1, 1)).replace((1).to_bytes(4, "big") * 2, (30_000).to_bytes(4, "big") * 2)
    assert visitor.send_file("photo.png", bomb).json()["fields"]["file"] in ("too_long", "invalid")
    assert not stored(folder)


def test_file_of_the_maximum_size_is_accepted(visitor):
    assert visitor.send_file("large.pdf", PDF + b" " * (MAX - len(PDF))).status_code == 201


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("C:\\Users\\maya\\photo.PNG", "photo.PNG"),
        ("invoice.exe", "invoice.exe.png"),
        ("a\u202egnp.exe", "a gnp.exe.png"),
        ("x" * 300 + ".png", "x" * 196 + ".png"),
        (".png", ".png.png"),
        ("الصورة.png", "الصورة.png"),
        ("\u0000\n", "file.png"),
    ],
)
def test_unsafe_file_names_are_sanitised(tenants, given, shown):
    file = SimpleUploadedFile("x", image())
    file._name = given  # set directly: Django's setter would strip the path
    assert inspect_upload(tenants.acme.pk, file).name == shown


def test_file_sent_twice_with_one_client_id_is_stored_once(visitor, folder):
    name = client_id()
    first, second = (visitor.send_file("photo.png", image(), clientId=name).json()["messageId"] for _ in range(2))
    assert first == second
    assert Attachment.objects.count() == 1
    assert len(stored(folder)) == 1


def test_file_of_a_failed_request_is_deleted(tenants, folder, db):
    with pytest.raises(ZeroDivisionError), stored_upload(tenants.acme.pk, SimpleUploadedFile("a.png", image())):
        assert len(stored(folder)) == 1
        raise ZeroDivisionError
    assert not stored(folder)


def test_file_missing_from_the_storage_is_a_404(visitor, folder):
    visitor.send_file("photo.png", image())
    for path in stored(folder):
        path.unlink()
    assert visitor.file(Attachment.objects.get().pk).status_code == 404


def test_storage_path_contains_nothing_chosen_by_the_sender(visitor, tenants, folder):
    visitor.send_file("../photo.png", image())
    (path,) = stored(folder)
    assert path.relative_to(folder).parts == (str(tenants.acme.pk), str(Attachment.objects.get().pk))


def test_file_without_a_token_is_rejected(tenants, folder):
    assert VisitorClient(tenants.north).send_file("photo.png", image()).status_code == 401
    assert not stored(folder)


@pytest.mark.parametrize(
    "fields", [{"clientId": "x"}, {"body": "x" * 10_001}, {"file": "no file"}, {"unknown": "1"}, {"body": "\0"}]
)
def test_invalid_form_fields_are_rejected(visitor, folder, fields):
    response = visitor.send_file("photo.png", image(), **fields)
    assert response.status_code == 422, response.content
    assert next(iter(response.json()["fields"])) == next(iter(fields))
    assert not stored(folder)


def test_number_of_files_per_visitor_is_limited(visitor, settings, time_machine):
    time_machine.move_to(timezone.now(), tick=False)  # so that no rate-limit window ends in between
    settings.WIDGET_FILES_PER_VISITOR = 2
    codes = [visitor.send_file("photo.png", image()).status_code for _ in range(3)]
    assert codes == [201, 201, 429]


@pytest.mark.parametrize("body", [b"", b"nonsense", b"--x\r\n", b'--x\r\nContent-Disposition: form-data; name="a"\r\n'])
def test_malformed_multipart_form_is_rejected(visitor, body):
    response = visitor.http.post(
        "/widget/v1/messages", body, content_type="multipart/form-data; boundary=x", headers=visitor.headers()
    )
    assert response.status_code == 422
    no_boundary = visitor.http.post(
        "/widget/v1/messages", body, content_type="multipart/form-data", headers=visitor.headers()
    )
    assert no_boundary.status_code == 422


@pytest.mark.parametrize("format", ["PNG", "JPEG", "MPO", "GIF", "WEBP"])
def test_corrupt_image_never_causes_a_server_error(format):
    """Changes random bytes, from a fixed seed: Pillow's readers raise many kinds of errors."""
    options = {"save_all": True, "append_images": [SECOND_FRAME]} if format == "MPO" else {}
    whole, chance = image(format, (60, 40), **options), random.Random(format)
    for _ in range(60):
        broken = bytearray(whole[: chance.randrange(8, len(whole))] if chance.random() < 0.5 else whole)
        for _ in range(chance.randrange(1, 12)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        with contextlib.suppress(InvalidUpload):  # any other error would cause a response of 500
            inspect_upload(uuid.uuid4(), ContentFile(bytes(broken), "broken.img"))
