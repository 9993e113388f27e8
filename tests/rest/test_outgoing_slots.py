"""Slots limit the webhook tests and site checks that wait for foreign servers, so that other requests are still served."""

import ipaddress
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client, override_settings

from integrations.actions.subscriptions import create_webhook
from integrations.models import EventName
from praxtalk.core.api import outgoing_slots
from praxtalk.core.api.outgoing_slots import NoFreeSlot, outgoing_slot, slot_count
from praxtalk.core.circuit_breaker import CircuitBreaker
from praxtalk.core.http.addresses import check_url
from tests.dashboard.conftest import ARGON2
from tests.dashboard.test_throttling import MALLORY, RealBrowser
from tests.servers import Server, free_port
from tests.webhooks.receivers import receiver

pytestmark = pytest.mark.django_db(transaction=True)
TEST_COUNT = 20


@pytest.fixture(autouse=True)
def allow_loopback(settings, monkeypatch):
    settings.WEBHOOK_ALLOW_CIDRS = [ipaddress.ip_network("127.0.0.0/8")]
    monkeypatch.setattr(outgoing_slots, "_breaker", CircuitBreaker("test"))


def create_webhook_test_path(workspace, url):
    webhook, _ = create_webhook(workspace, url=check_url(url), events=[EventName.LEAD_CREATED])
    return f"/api/v1/webhooks/{webhook.pk}/test"


@contextmanager
def running_webhook_test(api_client_for, path, slow):
    """Run a webhook test that waits for its receiver while the context is open."""

    def run():
        responses.append(api_client_for.post(path))
        connection.close()

    responses, before = [], len(slow.requests)
    waiting = threading.Thread(target=run)
    waiting.start()
    while len(slow.requests) == before:
        time.sleep(0.01)
    yield
    assert not responses
    waiting.join()
    assert responses[0].json()["delivered"] is True


def test_one_of_twenty_webhook_tests_runs_and_the_others_are_refused_at_once(tenants, api_client_for):
    callers = [api_client_for(tenants.acme) for _ in range(TEST_COUNT)]

    def run(one):
        began = time.monotonic()
        response = one.post(path)
        connection.close()
        return response, time.monotonic() - began

    with receiver(hang=3) as slow, ThreadPoolExecutor(TEST_COUNT) as threads:
        path = create_webhook_test_path(tenants.acme, slow.url)
        ended = list(threads.map(run, callers))
        assert len(slow.requests) == 1
    refused = [(response, seconds) for response, seconds in ended if response.status_code == 429]
    assert [response.json()["delivered"] for response, _ in ended if response.status_code == 200] == [True]
    assert len(refused) == TEST_COUNT - 1
    assert max(seconds for _, seconds in refused) < 2.5
    response = refused[0][0]
    assert (response["X-Error-Code"], response["Retry-After"]) == ("rate_limited", "5")
    assert response.json() == {
        "error": "Another test in this workspace is still waiting for a response. Try again in 5 s."
    }
    with receiver() as quick:
        assert callers[0].post(create_webhook_test_path(tenants.acme, quick.url)).status_code == 200


def test_refused_webhook_tests_do_not_count_towards_the_limit(tenants, api_client_for, monkeypatch):
    monkeypatch.setattr("praxtalk.core.api.limits.TESTS_PER_MINUTE", 2)
    api_client = api_client_for(tenants.acme)
    with receiver(hang=1) as slow:
        path = create_webhook_test_path(tenants.acme, slow.url)
        with running_webhook_test(api_client_for(tenants.acme), path, slow):
            assert [api_client.post(path).status_code for _ in range(5)] == [429] * 5
        assert api_client.post(path).status_code == 200


@pytest.mark.slow
def test_a_process_has_fewer_slots_than_threads(tenants, api_client_for, monkeypatch):
    assert all(slot_count(threads) >= 1 and 3 * slot_count(threads) < threads for threads in range(4, 65))
    globex_client = api_client_for(tenants.globex)
    with receiver(hang=2) as slow, receiver() as quick:
        path, other = (
            create_webhook_test_path(tenants.acme, slow.url),
            create_webhook_test_path(tenants.globex, quick.url),
        )
        monkeypatch.setattr(outgoing_slots, "_process_slots", threading.BoundedSemaphore(slot_count(4)))
        with running_webhook_test(api_client_for(tenants.acme), path, slow):
            response = globex_client.post(other)
            assert response.status_code == 429
            assert response.json()["error"].startswith("This server is busy with other tests.")
        monkeypatch.setattr(outgoing_slots, "_process_slots", threading.BoundedSemaphore(slot_count(8)))
        with running_webhook_test(api_client_for(tenants.acme), path, slow):
            assert globex_client.post(other).status_code == 200


@pytest.mark.slow
def test_the_dashboard_uses_the_same_slots(tenants, api_client_for):
    client = Client()
    client.force_login(tenants.alice)
    with receiver(hang=2) as slow:
        path = create_webhook_test_path(tenants.acme, slow.url)
        webhook = path.split("/")[4]
        test, check = f"/app/integrations/webhooks/{webhook}/test/", f"/app/brands/{tenants.north.pk}/check/"
        with running_webhook_test(api_client_for(tenants.acme), path, slow):
            page = client.post(test, follow=True).content.decode()
            assert "Another test in this workspace is still waiting" in page
            response = client.post(check, {"url": slow.url})
            assert (response.status_code, response["Retry-After"]) == (429, "5")
            assert "Another test in this workspace is still waiting" in response.content.decode()
        assert "still waiting" not in client.post(test, follow=True).content.decode()


def test_an_error_releases_the_slot(tenants):
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), outgoing_slot(tenants.acme.pk):
            raise ZeroDivisionError
    with outgoing_slot(tenants.acme.pk):
        with pytest.raises(NoFreeSlot), outgoing_slot(tenants.acme.pk):
            pass
        with pytest.raises(NoFreeSlot), outgoing_slot(tenants.acme.pk):
            pass  # the refusal above has not released the lease of the holder


def test_the_slot_of_a_dead_process_becomes_free(tenants, monkeypatch):
    monkeypatch.setattr(outgoing_slots, "LEASE_SECONDS", 1)
    assert outgoing_slots._acquire_lease(f"outgoing_slot.{tenants.acme.pk}", "a process that died")
    with pytest.raises(NoFreeSlot), outgoing_slot(tenants.acme.pk):
        pass
    time.sleep(1.1)
    with outgoing_slot(tenants.acme.pk):
        pass


def test_without_valkey_the_slots_of_the_process_still_limit(tenants):
    unreachable = django_settings.CACHES["default"] | {"LOCATION": f"redis://127.0.0.1:{free_port()}/0"}
    with (
        override_settings(CACHES={"default": unreachable}),
        outgoing_slot(tenants.acme.pk),
        pytest.raises(NoFreeSlot, match="busy"),
        outgoing_slot(tenants.globex.pk),
    ):
        pass


@pytest.mark.slow
@pytest.mark.live
def test_hanging_webhook_tests_of_one_workspace_do_not_slow_down_sign_in_to_another(tenants, api_client_for):
    with override_settings(PASSWORD_HASHERS=[ARGON2]):  # the server process does not use the tests' fast hasher
        tenants.mallory.set_password(MALLORY["password"])
        tenants.mallory.save(update_fields=["password"])

    def seconds_to_sign_in(server):
        began = time.monotonic()
        assert RealBrowser(server, "198.51.100.7").sign_in(**MALLORY).url.endswith("/app/")
        return time.monotonic() - began

    def call(url, secret):
        try:
            return urlopen(Request(url, b"{}", headers_of(secret)), timeout=60).status
        except HTTPError as error:
            return error.code

    def headers_of(secret):
        return {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

    with receiver(hang=14) as slow, Server("--only", "web", WEB_PROCESSES="1") as server:
        url, secret = server.url + create_webhook_test_path(tenants.acme, slow.url), api_client_for(tenants.acme).secret
        before = median(seconds_to_sign_in(server) for _ in range(3))
        with ThreadPoolExecutor(TEST_COUNT) as threads:
            tests = [threads.submit(call, url, secret) for _ in range(TEST_COUNT)]
            while sum(test.done() for test in tests) < TEST_COUNT - 1:
                time.sleep(0.05)
            meanwhile = median(seconds_to_sign_in(server) for _ in range(3))
            assert sum(test.done() for test in tests) == TEST_COUNT - 1
            assert sorted(test.result() for test in tests) == [200] + [429] * (TEST_COUNT - 1)
        print(
            f"signing in takes {before * 1000:.0f} ms, and {meanwhile * 1000:.0f} ms beside {TEST_COUNT} hanging tests"
        )
        assert meanwhile < before * 5 + 0.5
