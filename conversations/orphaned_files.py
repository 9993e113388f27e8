"""Delete stored files without an Attachment row. An upload or erasure leaves such files behind if its process is killed.

1. An upload stores its file and commits the row within MAX_UPLOAD_TIME. `lock_stored_file` locks the file until the commit.
2. An erasure commits the deletion of the rows and then deletes the files.
3. `delete_orphans` deletes a file that is older than MIN_ORPHAN_AGE and has no row, under the same lock. Either it finds the row
   that an upload has committed, or the upload finds that its file is too old and fails.

Only files with a name as `storage_path` returns it are considered, and only in the folders of workspaces that are in the
database. So nothing is deleted from a storage that belongs to another database.
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import NamedTuple
from uuid import UUID

import structlog
from django.core.cache import cache
from django.core.files.storage import Storage
from django.db import transaction
from django.utils import timezone

from accounts.models import Workspace
from conversations.models import Attachment
from praxtalk.core.db.advisory_locks import STORED_FILES, lock, try_lock

MAX_UPLOAD_TIME = timedelta(minutes=30)
MIN_ORPHAN_AGE = timedelta(hours=1)
MAX_FILES = 20_000  # checked in one run; the next run continues after them
BATCH_SIZE = 500
POSITION_CACHE_KEY = "orphaned_files.position"

log = structlog.get_logger("praxtalk.attachments")


class UploadTooOld(Exception):
    """The file was stored so long ago that it may have been deleted as an orphan."""


class StoredFile(NamedTuple):
    workspace_id: UUID
    attachment_id: UUID

    @property
    def name(self) -> str:
        return f"{self.workspace_id}/{self.attachment_id}"


def lock_stored_file(attachment: Attachment) -> None:
    """Lock the stored file until the current transaction, which inserts its row, ends. Raises UploadTooOld."""
    lock(STORED_FILES, attachment.pk.bytes)
    if timezone.now() - attachment.created_at > MAX_UPLOAD_TIME:
        raise UploadTooOld


def delete_orphans() -> int:
    """Check the next MAX_FILES files, in any workspace, and delete those without a row. Return the number deleted."""
    storage = Attachment._meta.get_field("file").storage
    files = list(islice(_files_after(storage, cache.get(POSITION_CACHE_KEY, "")), MAX_FILES))
    cache.set(POSITION_CACHE_KEY, files[-1].name if len(files) == MAX_FILES else "", timeout=None)
    batches = (files[start : start + BATCH_SIZE] for start in range(0, len(files), BATCH_SIZE))
    deleted = sum(_delete_orphan(storage, file) for batch in batches for file in _without_row(batch))
    if deleted:
        log.warning("deleted orphaned files", files=deleted)
    return deleted


def _files_after(storage: Storage, position: str) -> Iterator[StoredFile]:
    """Yield the stored files after `position`, in the order of their names."""
    for workspace_id in Workspace.objects.order_by("pk").values_list("pk", flat=True):
        if str(workspace_id) < position[:36]:
            continue
        try:
            names = storage.listdir(str(workspace_id))[1]
        except FileNotFoundError:
            continue
        files = (StoredFile(workspace_id, pk) for name in sorted(names) if (pk := _parse_file_name(name)))
        yield from (file for file in files if file.name > position)


def _parse_file_name(name: str) -> UUID | None:
    """Return the attachment's id in a file name; None if the name is not one that `storage_path` returns."""
    try:
        pk = UUID(name)
    except ValueError:
        return None
    return pk if str(pk) == name else None


def _without_row(files: list[StoredFile]) -> list[StoredFile]:
    rows = Attachment.objects.filter(
        workspace_id__in={file.workspace_id for file in files}, pk__in=[file.attachment_id for file in files]
    )
    with_row = set(rows.values_list("workspace_id", "pk"))
    return [file for file in files if file not in with_row]


def _delete_orphan(storage: Storage, file: StoredFile) -> bool:
    """Delete a file without a row. Return False if it is too new, has or is getting a row, or no longer exists.

    A storage error is logged and does not stop the run.
    """
    try:
        if timezone.now() - storage.get_modified_time(file.name) < MIN_ORPHAN_AGE:
            return False
        with transaction.atomic():
            if not try_lock(STORED_FILES, file.attachment_id.bytes) or not _without_row([file]):
                return False
            storage.delete(file.name)
    except FileNotFoundError:
        return False
    except Exception as error:
        log.error("could not delete an orphaned file", file=file.name, error=type(error).__name__)
        return False
    return True
