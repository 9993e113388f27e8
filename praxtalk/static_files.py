"""Static files under names that hold a hash of their content, so that browsers may keep them indefinitely.

A page that was opened before an update goes on with the files of its own version: they are not deleted.
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
    """Rewrites the imports of JavaScript modules, too."""

    support_js_module_import_aggregation = True


def collect_static_files() -> None:
    """Run collectstatic if a file has changed since it ran last. Several processes may call this at once.

    A folder that this user cannot write to, as in a container, was filled when it was made.
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
    """Of the names, sizes and times of all static files."""
    ignored = StaticFilesConfig.ignore_patterns
    digest = hashlib.sha256(repr(ignored).encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list(ignored), key=lambda found: found[0]):
            status = Path(storage.path(name)).stat()
            digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
