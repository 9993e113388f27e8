"""Fixtures: the public `convex` clients, each in its own process, connected to a running server; see driver.py."""

import json
import os
import shutil
import sys
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from accounts.actions.operator_tokens import issue_token
from conversations.actions import send_message
from conversations.models import Channel, Message
from integrations.actions.api_keys import create_key
from tests.conftest import make_conversation
from tests.live.driver import Driver, wait_for

HERE = Path(__file__).resolve().parent
CLIENTS, MODULES = HERE / "clients", HERE / "node_modules"
NPM = ("convex-1.13.2", "convex-1.24.8", "convex-1.34.1", "convex")  # packages of package.json, the newest last
NPM_PARAMS = [*(pytest.param(name, marks=pytest.mark.slow) for name in NPM[:-1]), NPM[-1]]
PYPI = "pypi"
OWN = "own"  # static/live/client.js


def need_node():
    """Skip the test without Node.js, or fail it in CI."""
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
    """Return the running drivers, by library name."""
    running = {}
    yield running
    for driver in running.values():
        driver.__exit__()


@pytest.fixture
def wait_for_idle_database(tenants):
    """Wait after the test until no query is running: a running query would block the emptying of the tables."""
    yield
    wait_for(no_other_active_connections, "A query or transaction did not end.")


@pytest.fixture
def start_driver(drivers, wait_for_idle_database):
    """Return `start_driver(library) -> Driver`. The clients opened through it are closed after the test."""
    used = {}

    def start(library):
        if library != PYPI:
            need_node()
        if library not in drivers:
            drivers[library] = Driver(command_of(library), knows_floats=library == PYPI).__enter__()
        used[library] = drivers[library]
        return used[library]

    yield start
    for driver in used.values():
        driver.close_clients()


def pytest_collection_modifyitems(items):
    """Run tests with all clients at once in the second tier."""
    for item in items:
        if {"all_npm_clients", "all_convex_clients", "all_clients"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(params=NPM_PARAMS)
def npm(request, start_driver):
    return start_driver(request.param)


@pytest.fixture(params=[*NPM_PARAMS, PYPI, OWN])
def library(request, start_driver):
    return start_driver(request.param)


@pytest.fixture(params=[*NPM_PARAMS, PYPI])
def convex(request, start_driver):
    """Parametrize the test over the public clients only: our own has no setAuth() and no HTTP."""
    return start_driver(request.param)


@pytest.fixture
def newest(start_driver):
    return start_driver(NPM[-1])


@pytest.fixture
def all_npm_clients(start_driver):
    """Return all npm versions at once, for a slow scenario."""
    return [start_driver(name) for name in NPM]


@pytest.fixture
def all_convex_clients(start_driver, all_npm_clients):
    return [*all_npm_clients, start_driver(PYPI)]


@pytest.fixture
def all_clients(start_driver, all_convex_clients):
    return [*all_convex_clients, start_driver(OWN)]


@pytest.fixture
def scene(tenants, server, wait_for_idle_database):
    """Return a Scene with one conversation on the shared server."""
    return Scene(tenants, server.url)


@pytest.fixture
def scene_on(tenants):
    """Return `scene_on(url) -> Scene`, for tests with their own server."""
    return lambda url: Scene(tenants, url)


class Scene:
    """`conversation` is a conversation of North; `token` and `key` are Alice's operator token and Acme's API key."""

    def __init__(self, tenants, url):
        self.tenants, self.url = tenants, url
        self.conversation = make_conversation(tenants.north)
        self.id = str(self.conversation.pk)
        self.token = self.token_of(tenants.alice)
        _, self.key = create_key(tenants.acme, name="live", scope="write")

    def token_of(self, operator, **lifetime):
        """Return an operator token, for example `token_of(alice, seconds=4)`. It lives 12 hours by default."""
        return issue_token(operator, lifetime=timedelta(**lifetime or {"hours": 12}))[0]

    def args(self, **more):
        return {"sessionToken": self.token, **more}

    def in_conversation(self, **more):
        return self.args(conversationId=self.id, **more)

    def rest(self, method, path, body=None):
        """Call the REST API with Acme's key and return the JSON of the response."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def send_by_rest(self, body):
        self.rest("POST", f"/conversations/{self.id}/messages", {"body": body})

    def send_from_shell(self, body):
        """Send a message from this process, which shares only the database and Valkey with the server."""
        send_message(
            self.conversation,
            role=Message.Role.OPERATOR,
            body=body,
            channel=Channel.DASHBOARD,
            author=self.tenants.alice,
        )

    def bodies(self):
        """Return the message bodies stored in the database, in order."""
        return list(
            Message.objects.filter(conversation=self.conversation).order_by("position").values_list("body", flat=True)
        )


def bodies_of(thread):
    """Return the message bodies of a result of messages:list."""
    return [message["body"] for message in thread["messages"]]


def last_bodies_are(*bodies):
    """Return a predicate: a result of messages:list ends with these bodies."""
    return lambda thread: bodies_of(thread)[-len(bodies) :] == list(bodies)


def no_other_active_connections():
    """Return whether no other connection to this database runs a statement or has an open transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend' AND state <> 'idle'"
        )
        return cursor.fetchone()[0] == 0
