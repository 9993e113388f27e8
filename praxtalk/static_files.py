"""Static files whose names contain a hash of their content, so that browsers may cache them indefinitely.

An update does not delete the files of earlier versions: a page that was opened before the update continues to use them.
"""

import fcntl
import hashlib
import os
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.management import call_command

from praxtalk.apps import StaticFilesConfig


class HashedStaticFilesStorage(ManifestStaticFilesStorage):
    """ManifestStaticFilesStorage that also rewrites the imports of JavaScript modules."""

    support_js_module_import_aggregation = True


def collect_static_files() -> None:
    """Run collectstatic if a file has changed since the last run. Several processes may call this concurrently.

    This does nothing if the folder exists and this user cannot write to it, as in a container: the image's build has filled it.
    """
    root = Path(settings.STATIC_ROOT)
    if root.exists() and not os.access(root, os.W_OK):
        return
    root.mkdir(parents=True, exist_ok=True)
    stamp = root / ".collected"
    with (root / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fingerprint = _fingerprint()
        if stamp.exists() and stamp.read_text() == fingerprint:
            return
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(fingerprint)


def _fingerprint() -> str:
    """Return a hash of the names, sizes and modification times of all static files."""
    ignored = StaticFilesConfig.ignore_patterns
    digest = hashlib.sha256(repr(ignored).encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list(ignored), key=lambda found: found[0]):
            status = Path(storage.path(name)).stat()
            digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
