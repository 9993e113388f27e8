"""For tests of the sync endpoint itself: tokens of the cast, and one server for all tests of a module."""

from types import SimpleNamespace

import pytest

from accounts.operator_tokens import issue_token
from tests.servers import WEB, Server
from tests.sync.sockets import Socket


@pytest.fixture
def tokens(cast):
    """Of Alice (all of Acme), Bob (North only) and Mallory (Globex)."""
    return SimpleNamespace(**{name: issue_token(getattr(cast, name))[0] for name in ("alice", "bob", "mallory")})


@pytest.fixture(scope="module")
def server(django_db_setup, django_db_blocker):
    """Two web processes; the tables are emptied under it between tests."""
    with django_db_blocker.unblock(), Server(*WEB, WEB_PROCESSES="1", SOCKET_PROCESSES="2") as running:
        yield running


@pytest.fixture
def connect(server):
    """connect(token, ...) -> Socket, closed after the test."""
    opened = []

    def made(token=None, **options):
        opened.append(Socket(server.url, token, **options))
        return opened[-1]

    yield made
    for socket in opened:
        socket.__exit__()
