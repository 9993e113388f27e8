"""A pytest plugin (see pyproject.toml): the real PostgreSQL and Valkey, before Django reads its settings."""

import atexit
import contextlib
import os
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / ".data" / "test"

os.environ["WEBHOOK_ALLOW_CIDRS"] = ""
os.environ["LOG_LEVEL"] = "ERROR"

from praxtalk import embedded  # noqa: E402

_services = contextlib.ExitStack()
_services.enter_context(embedded.services(DATA))
atexit.register(_services.close)
