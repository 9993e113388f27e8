"""Databases from which others are copied. They are kept while the migrations, and the code that fills them, are unchanged."""

import fcntl
import hashlib
import os
import subprocess
import sys
from contextlib import contextmanager

import psycopg
from psycopg import sql

from tests.servers import PROJECT, database_url
from tests.services import DATA

MIGRATED, FILLED = "praxtalk_migrated_", "praxtalk_filled_"


def migrated_template():
    """Return the name of a database that has all tables and no rows. Each worker's database is a copy of it."""
    return _template(MIGRATED + _digest_of_migrations(), migrate)


def filled_template(fill, source):
    """Return the name of a migrated database that `fill(name)` has filled. It is filled again when `source`, a text, changes."""
    empty = migrated_template()
    digest = hashlib.sha256((empty + source).encode()).hexdigest()[:12]
    return _template(FILLED + digest, fill, copy_of=empty)


@contextmanager
def copy_of(template, name):
    """Create the database `name` as a copy, and drop it at the end."""
    with _admin() as admin:
        _create(admin, name, template)
        try:
            yield
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _template(name, fill, copy_of="template1"):
    """Create the template if there is none with this name. Drop the older ones of its kind."""
    kind = name.rpartition("_")[0] + "_"
    with (DATA / f"{kind}template.lock").open("a") as lock, _admin() as admin:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = admin.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [kind]).fetchall()
        if (name,) not in found:
            for (older,) in found:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(older)))
            _create(admin, f"{name}_unfinished", copy_of)
            fill(f"{name}_unfinished")
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            admin.execute(rename.format(sql.Identifier(f"{name}_unfinished"), sql.Identifier(name)))
    return name


def migrate(name):
    environment = os.environ | {"DATABASE_URL": database_url(name)}
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity=0"], cwd=PROJECT, env=environment, check=True)


def _admin():
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


def _create(admin, name, template):
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    admin.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))


def _digest_of_migrations():
    """Return a digest of the migrations, of this project and of the installed packages."""
    digest = hashlib.sha256((PROJECT / "requirements.lock").read_bytes())
    for path in sorted(PROJECT.glob("**/migrations/*.py")):
        if ".venv" not in path.parts:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
