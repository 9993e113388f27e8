"""A migrated database from which each worker's database is copied. It is kept while the migrations are unchanged."""

import fcntl
import hashlib
import os
import subprocess
import sys

import psycopg
from psycopg import sql

from tests.servers import PROJECT, database_url
from tests.services import DATA

PREFIX = "praxtalk_template_"


def migrated_template():
    """Return the name of the template. It is created if there is none for these migrations, and older ones are dropped."""
    name = PREFIX + _digest()
    with (DATA / "template.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as admin:
            found = admin.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX]).fetchall()
            if (name,) not in found:
                for (older,) in found:
                    admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(older)))
                _create(admin, name)
    return name


def _create(admin, name):
    unfinished = sql.Identifier(f"{name}_unfinished")
    admin.execute(sql.SQL("CREATE DATABASE {}").format(unfinished))
    environment = os.environ | {"DATABASE_URL": database_url(f"{name}_unfinished")}
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    subprocess.run(command, cwd=PROJECT, env=environment, check=True)
    admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(unfinished, sql.Identifier(name)))


def _digest():
    """Return a digest of the migrations, of this project and of the installed Django."""
    digest = hashlib.sha256((PROJECT / "requirements.lock").read_bytes())
    for path in sorted(PROJECT.glob("**/migrations/*.py")):
        if ".venv" not in path.parts:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
