"""Fixtures for tests of the sync endpoint: operator tokens and connections."""

from types import SimpleNamespace

import pytest

from accounts.actions.operator_tokens import issue_token
from tests.sync.sockets import Socket


@pytest.fixture
def tokens(tenants):
    """Return operator tokens of Alice (all of Acme), Bob (North only) and Mallory (Globex), by name."""
    return SimpleNamespace(**{name: issue_token(getattr(tenants, name))[0] for name in ("alice", "bob", "mallory")})


@pytest.fixture
def connect(server):
    """Return a function that opens a Socket, which is closed after the test: `connect(token, **options)`."""
    opened = []

    def open_socket(token=None, **options):
        opened.append(Socket(server.url, token, **options))
        return opened[-1]

    yield open_socket
    for socket in opened:
        socket.__exit__()
