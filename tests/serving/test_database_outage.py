"""Tests of real server processes whose database is unreachable."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from integrations.actions.api_keys import create_key
from tests.servers import PROJECT, WEB, Server, database_url, free_port

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live, pytest.mark.slow]

CONNECT_TIMEOUT = 2


class DatabaseProxy:
    """A proxy between the server and PostgreSQL, which can be stopped to simulate an outage."""

    def __init__(self):
        self.port = free_port()

    def __enter__(self):
        options = connection.settings_dict
        host = options["OPTIONS"].get("host") or options["HOST"]
        target = f"{host}/.s.PGSQL.{options['PORT'] or 5432}"
        command = [sys.executable, "-m", "tests.tcp_proxy", str(self.port), target]
        self.process = subprocess.Popen(command, cwd=PROJECT)
        return self

    def __exit__(self, *args):
        self.process.kill()
        self.process.wait()


def status_of(url, secret=""):
    """Return (status, elapsed seconds) of a request."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {secret}"} if secret else {})
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, time.monotonic() - began
    except urllib.error.HTTPError as error:
        return error.code, time.monotonic() - began


def test_calls_fail_fast_during_an_outage_and_recover_afterwards(tenants):
    _, secret = create_key(tenants.acme, name="k", scope="read")
    network = DatabaseProxy()
    local, _, query = database_url().partition("@")
    name = query.removeprefix("/").partition("?")[0]
    url = f"{local}@127.0.0.1:{network.port}/{name}"
    with network:
        time.sleep(1)
        with Server(*WEB, WEB_PROCESSES="1", DATABASE_URL=url, CONNECT_TIMEOUT=str(CONNECT_TIMEOUT)) as server:
            listing = f"{server.url}/api/v1/conversations"
            assert status_of(listing, secret)[0] == 200
            network.__exit__()
            with ThreadPoolExecutor(20) as callers:
                results = [*callers.map(lambda _: status_of(listing, secret), range(40))]
                assert {status for status, _ in results} == {503}
                assert max(seconds for _, seconds in results) < 2 * CONNECT_TIMEOUT + 2
                waiting = [callers.submit(status_of, listing, secret) for _ in range(20)]
                assert status_of(f"{server.url}/healthz")[1] < 1
                assert max(each.result()[1] for each in waiting) < CONNECT_TIMEOUT + 2
            assert status_of(f"{server.url}/readyz")[0] == 503
            with network:
                deadline = time.monotonic() + 20
                while status_of(listing, secret)[0] != 200:
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
