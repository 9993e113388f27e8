"""Files left behind by killed uploads or erasures are deleted; all others stay."""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Workspace
from conversations import orphaned_files
from conversations.actions import send_message
from conversations.actions.erasure import erase_visitor
from conversations.attachments import InvalidUpload, stored_upload
from conversations.models import Attachment, Channel, Message, Visitor
from conversations.orphaned_files import BATCH_SIZE, MAX_UPLOAD_TIME, MIN_ORPHAN_AGE, POSITION_CACHE_KEY
from conversations.tasks import delete_orphaned_files
from praxtalk.core.api.uploads import UnnamedFileUploadHandler
from tests.conftest import make_conversation
from tests.servers import PROJECT, database_url, valkey_url

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7\n%%EOF"
SET_UP = "import os, signal, django; django.setup()\n"
KILLED_UPLOAD = """
from uuid import UUID
from django.core.files.base import ContentFile
from conversations.attachments import stored_upload
with stored_upload(UUID("{id}"), ContentFile({content!r}, "a.pdf")):
    os.kill(os.getpid(), signal.SIGKILL)
"""
KILLED_ERASURE = """
from django.db import transaction
from conversations.actions.erasure import erase_visitor
from conversations.models import Visitor
with transaction.atomic():
    transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
    erase_visitor(Visitor.objects.get(pk="{id}"), deleted_lead_ids=[])
"""


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(Attachment._meta.get_field("file"), "storage", FileSystemStorage(tmp_path / "files"))
    cache.delete(POSITION_CACHE_KEY)
    yield tmp_path / "files"
    cache.delete(POSITION_CACHE_KEY)


def run_until_killed(program, folder):
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "praxtalk.settings",
        "DATABASE_URL": database_url(),
        "REDIS_URL": valkey_url(),
        "ATTACHMENTS_DIR": str(folder),
    }
    ended = subprocess.run([sys.executable, "-c", SET_UP + program], cwd=PROJECT, env=environment, timeout=60)
    assert ended.returncode == -signal.SIGKILL


def send_file(conversation):
    with stored_upload(conversation.workspace_id, ContentFile(PDF, "a.pdf")) as attachment:
        send_message(conversation, role=Message.Role.VISITOR, body="", channel=Channel.WIDGET, attachment=attachment)
    return attachment


def store(folder, *names):
    """Store files without a database row."""
    paths = [Path(folder, name) for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PDF)
    return paths


def stored(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def make_older(paths, by=MIN_ORPHAN_AGE):
    for path in paths:
        then = path.stat().st_mtime - by.total_seconds() - 1
        os.utime(path, (then, then))


@pytest.mark.django_db(transaction=True)
def test_file_of_a_killed_upload_is_deleted(tenants, folder):
    run_until_killed(KILLED_UPLOAD.format(id=tenants.acme.pk, content=PDF), folder)
    [path] = stored(folder)
    assert Attachment.objects.count() == 0
    delete_orphaned_files()
    assert stored(folder) == [path]  # a young file may belong to a running upload
    make_older([path])
    delete_orphaned_files()
    assert stored(folder) == []


@pytest.mark.django_db(transaction=True)
def test_files_of_a_killed_erasure_are_deleted(tenants, folder):
    erased, other = make_conversation(tenants.north), make_conversation(tenants.north)
    for conversation in (erased, erased, other):
        send_file(conversation)
    run_until_killed(KILLED_ERASURE.format(id=erased.visitor_id), folder)
    assert not Visitor.objects.filter(pk=erased.visitor_id).exists()
    assert len(stored(folder)) == 3  # the erased visitor's files still exist
    make_older(stored(folder))
    delete_orphaned_files()
    assert [path.name for path in stored(folder)] == [str(Attachment.objects.get().pk)]


def test_failed_deletion_does_not_prevent_other_deletions(
    tenants, folder, monkeypatch, django_capture_on_commit_callbacks
):
    conversation = make_conversation(tenants.north)
    first, second = send_file(conversation), send_file(conversation)
    delete = FileSystemStorage.delete

    def fail_once(storage, name):
        if name == first.file.name:
            raise PermissionError
        delete(storage, name)

    monkeypatch.setattr(FileSystemStorage, "delete", fail_once)
    with django_capture_on_commit_callbacks(execute=True):
        erase_visitor(conversation.visitor, deleted_lead_ids=[])
    assert [path.name for path in stored(folder)] == [str(first.pk)]
    make_older(stored(folder))
    [later] = store(folder, f"{tenants.acme.pk}/{second.pk}")
    make_older([later])
    delete_orphaned_files()
    assert [path.name for path in stored(folder)] == [str(first.pk)]


def test_referenced_and_unknown_files_stay(tenants, folder):
    rows = [folder / send_file(make_conversation(brand)).file.name for brand in (tenants.north, tenants.west)]
    foreign = store(
        folder,
        "README",
        "notes/a.txt",
        f"{uuid4()}/{uuid4()}",  # belongs to another database
        f"{tenants.acme.pk}/thumbnail.png",
        f"{tenants.acme.pk}/{uuid4()}.png",
        f"{tenants.acme.pk}/{str(uuid4()).upper()}",
        f"{tenants.acme.pk}/{uuid4().hex}",
        f"{tenants.acme.pk}/more/{uuid4()}",
    )
    orphans = store(folder, f"{tenants.acme.pk}/{uuid4()}", f"{tenants.globex.pk}/{uuid4()}")
    young = store(folder, f"{tenants.acme.pk}/{uuid4()}")
    make_older([*rows, *foreign, *orphans])
    delete_orphaned_files()
    assert stored(folder) == sorted([*rows, *foreign, *young])


def test_sweep_without_files_deletes_nothing(tenants):
    assert orphaned_files.delete_orphans() == 0


def test_sweep_is_limited_and_the_next_run_continues(tenants, folder, monkeypatch):
    monkeypatch.setattr(orphaned_files, "MAX_FILES", 3)
    kept_ones = [folder / send_file(make_conversation(tenants.north)).file.name for _ in range(3)]
    names = [f"{workspace.pk}/{uuid4()}" for workspace in (tenants.acme, tenants.globex) for _ in range(3)]
    make_older([*store(folder, *names), *kept_ones])
    deleted = [orphaned_files.delete_orphans() for _ in range(4)]
    assert (sum(deleted), max(deleted)) == (6, 3)
    assert stored(folder) == sorted(kept_ones)
    make_older(store(folder, names[0]))
    # the next run starts again from the beginning
    assert [orphaned_files.delete_orphans() for _ in range(2)].count(1) == 1


def test_rows_are_looked_up_in_batches(tenants, folder):
    conversation = make_conversation(tenants.north)
    for _ in range(20):
        send_file(conversation)
    make_older(stored(folder))
    with CaptureQueriesContext(connection) as queries:
        assert orphaned_files.delete_orphans() == 0
    assert len(queries) == 2
    assert BATCH_SIZE >= 100
    assert Workspace.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_file_of_a_row_committed_late_stays(tenants, folder):
    """For example after a laptop was suspended between storing the file and committing the row."""
    conversation, is_held, may_commit = make_conversation(tenants.north), threading.Event(), threading.Event()

    def upload():
        with stored_upload(tenants.acme.pk, ContentFile(PDF, "a.pdf")) as attachment, transaction.atomic():
            send_message(
                conversation, role=Message.Role.VISITOR, body="", channel=Channel.WIDGET, attachment=attachment
            )
            is_held.set()
            may_commit.wait(10)
        connection.close()

    uploading = threading.Thread(target=upload)
    uploading.start()
    assert is_held.wait(10)
    make_older(stored(folder))
    assert orphaned_files.delete_orphans() == 0
    may_commit.set()
    uploading.join()
    assert orphaned_files.delete_orphans() == 0
    assert [path.name for path in stored(folder)] == [str(Attachment.objects.get().pk)]


def test_upload_that_took_too_long_is_rejected(tenants, folder):
    conversation = make_conversation(tenants.north)
    with (
        pytest.raises(InvalidUpload, match="too long"),
        stored_upload(tenants.acme.pk, ContentFile(PDF, "a.pdf")) as attachment,
    ):
        attachment.created_at -= MAX_UPLOAD_TIME + timedelta(seconds=1)
        send_message(conversation, role=Message.Role.VISITOR, body="", channel=Channel.WIDGET, attachment=attachment)
    assert stored(folder) == []
    assert Attachment.objects.count() == 0


def test_maximum_upload_time_is_below_the_minimum_orphan_age():
    assert MAX_UPLOAD_TIME * 2 <= MIN_ORPHAN_AGE


def test_upload_has_no_file_name_while_it_is_received():
    handler = UnnamedFileUploadHandler()
    handler.new_file("file", "a.pdf", "application/pdf", None)
    handler.receive_data_chunk(PDF, 0)
    file = handler.file_complete(len(PDF))
    with file:
        assert (file.read(), file.size, file.name) == (PDF, len(PDF), "a.pdf")
        assert not hasattr(file, "temporary_file_path")
        if sys.platform == "linux":
            assert os.readlink(f"/proc/self/fd/{file.fileno()}").endswith("(deleted)")
