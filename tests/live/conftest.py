"""The public `convex` clients, each in a process of its own, in front of a real server; see driver.py."""

import json
import os
import shutil
import sys
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from accounts.operator_tokens import issue_token
from conversations.actions import send_message
from conversations.models import Channel, Message
from integrations.actions.api_keys import create_key
from tests.conftest import make_talk
from tests.live.driver import Driver, wait_for
from tests.servers import WEB, Server

HERE = Path(__file__).resolve().parent
CLIENTS, MODULES = HERE / "clients", HERE / "node_modules"
NPM = ("convex-1.13.2", "convex-1.24.8", "convex-1.34.1", "convex")  # packages of package.json, the newest last
PYPI = "pypi"
OWN = "own"  # static/live/client.js


def need_node():
    """Skips where there is no Node, but not in CI."""
    missing = None if shutil.which("node") else "no node here (apt-get install nodejs npm)"
    missing = missing or (None if (MODULES / ".installed").exists() else "no tests/live/node_modules (make test)")
    if missing:
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)


def command_of(library):
    if library == PYPI:
        return [sys.executable, CLIENTS / "pypi.py"]
    return ["node", CLIENTS / "own.mjs"] if library == OWN else ["node", CLIENTS / "npm.mjs", library]


@pytest.fixture(scope="package")
def drivers():
    """The drivers that run so far, by the library's name."""
    running = {}
    yield running
    for driver in running.values():
        driver.__exit__()


@pytest.fixture
def calm_end(cast):
    """When the clients are gone and before the tables are emptied, which a query under way would be in the way of."""
    yield
    wait_for(nobody_else_is_at_work, "A query or transaction did not end.")


@pytest.fixture
def start(drivers, calm_end):
    """start(library) -> Driver. What its clients leave open is closed after the test."""
    used = {}

    def started(library):
        if library != PYPI:
            need_node()
        if library not in drivers:
            drivers[library] = Driver(command_of(library), knows_floats=library == PYPI).__enter__()
        used[library] = drivers[library]
        return used[library]

    yield started
    for driver in used.values():
        driver.close_clients()


@pytest.fixture(params=NPM)
def npm(request, start):
    return start(request.param)


@pytest.fixture(params=[*NPM, PYPI, OWN])
def library(request, start):
    return start(request.param)


@pytest.fixture(params=[*NPM, PYPI])
def convex(request, start):
    """One of the public clients: our own has no setAuth() and no HTTP."""
    return start(request.param)


@pytest.fixture
def newest(start):
    return start(NPM[-1])


@pytest.fixture
def npms(start):
    """All npm versions at once, for a scenario that takes its time."""
    return [start(name) for name in NPM]


@pytest.fixture
def convexes(start, npms):
    return [*npms, start(PYPI)]


@pytest.fixture
def libraries(start, convexes):
    return [*convexes, start(OWN)]


@pytest.fixture(scope="package")
def shared_server(django_db_setup):
    with Server(*WEB, WEB_PROCESSES="1") as running:
        yield running


@pytest.fixture
def scene(cast, shared_server, calm_end):
    """Acme's inbox with one conversation, on the server that the tests share."""
    return Scene(cast, shared_server.url)


@pytest.fixture
def scene_on(cast):
    """scene_on(url) -> the Scene on a server of the test's own."""
    return lambda url: Scene(cast, url)


class Scene:
    """`talk` is a conversation of North; `token` and `key` are Alice's operator token and Acme's API key."""

    def __init__(self, cast, url):
        self.cast, self.url = cast, url
        self.talk = make_talk(cast.north)
        self.id = str(self.talk.pk)
        self.token = self.token_of(cast.alice)
        _, self.key = create_key(cast.acme, name="live", scope="write")

    def token_of(self, operator, **lifetime):
        """token_of(alice, seconds=4)"""
        return issue_token(operator, lifetime=timedelta(**lifetime or {"hours": 12}))[0]

    def args(self, **more):
        return {"sessionToken": self.token, **more}

    def in_talk(self, **more):
        return self.args(conversationId=self.id, **more)

    def rest(self, method, path, body=None):
        """The JSON of the answer to a REST call of the CRM."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def send_by_rest(self, body):
        self.rest("POST", f"/conversations/{self.id}/messages", {"body": body})

    def send_from_shell(self, body):
        """In this process, which shares no more with the server than the database and Valkey."""
        send_message(
            self.talk, role=Message.Role.OPERATOR, body=body, channel=Channel.DASHBOARD, author=self.cast.alice
        )

    def bodies(self):
        """What the database holds."""
        return list(Message.objects.filter(conversation=self.talk).order_by("position").values_list("body", flat=True))


def bodies_of(thread):
    """Of a value of messages:list."""
    return [message["body"] for message in thread["messages"]]


def ends_with(*bodies):
    """Whether a value of messages:list does."""
    return lambda thread: bodies_of(thread)[-len(bodies) :] == list(bodies)


def nobody_else_is_at_work():
    """No other connection to this database runs a statement, or is in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend' AND state <> 'idle'"
        )
        return cursor.fetchone()[0] == 0
