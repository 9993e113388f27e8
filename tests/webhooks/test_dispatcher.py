"""The dispatcher: woken by publications, polling without them, and fair to all receivers."""

import asyncio
import resource
import threading
import time

import pytest
from django.db import connection
from kombu import Connection

from integrations.models import Delivery
from integrations.webhooks import dispatcher as dispatcher_module
from integrations.webhooks.dispatcher import Dispatcher
from integrations.webhooks.outbox import WEBHOOKS_DUE
from leads.actions import create_lead, update_lead
from praxtalk.celery import allow_many_connections, app
from praxtalk.core.live.topics import publish_on_commit
from tests.conftest import make_conversation
from tests.servers import free_port
from tests.webhooks.receivers import receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def running_dispatcher():
    """Run a dispatcher in a thread, as Celery does."""
    stop = threading.Event()

    def run():
        async def main():
            await Dispatcher(should_stop=stop.is_set, run_seconds=30).run()

        asyncio.run(main())

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.5)
    yield
    stop.set()
    publish_on_commit(WEBHOOKS_DUE)  # wakes it, so that it sees `stop`
    thread.join(20)
    assert not thread.is_alive()


def wait_for(condition, seconds=40):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    connection.close()


@pytest.fixture
def slow_polling(monkeypatch):
    monkeypatch.setattr(dispatcher_module, "POLL_SECONDS", 15)


def test_publication_wakes_the_dispatcher(tenants, subscribe, slow_polling, running_dispatcher):
    with receiver() as endpoint:
        subscribe(endpoint.url)
        create_lead(tenants.acme.pk, name="first")
        wait_for(
            lambda: len(endpoint.requests) == 1, seconds=60
        )  # by polling, if the dispatcher has not subscribed yet
        create_lead(tenants.acme.pk, name="second")
        wait_for(lambda: len(endpoint.requests) == 2, seconds=10)
        wait_for(lambda: Delivery.objects.filter(status="succeeded").count() == 2)


def test_polling_finds_deliveries_without_a_publication(tenants, subscribe, running_dispatcher, monkeypatch):
    monkeypatch.setattr("praxtalk.core.live.topics._publish", lambda topic: None)
    with receiver() as endpoint:
        subscribe(endpoint.url)
        create_lead(tenants.acme.pk, name="Maya")
        wait_for(lambda: len(endpoint.requests) == 1)


def test_hanging_receiver_does_not_delay_others(tenants, subscribe, running_dispatcher):
    with receiver(hang=60) as slow, receiver() as good:
        subscribe(slow.url)
        subscribe(good.url)
        for number in range(30):
            create_lead(tenants.acme.pk, name=f"Lead {number}")
        wait_for(lambda: len(good.requests) == 30, seconds=12)
        assert len(slow.requests) <= 16
        wait_for(lambda: Delivery.objects.filter(subscription__url=good.url, status="succeeded").count() == 30)


def test_sixty_hanging_webhooks_do_not_delay_others(tenants, subscribe, running_dispatcher):
    with receiver(hang=60) as slow, receiver() as good:
        for _ in range(60):
            subscribe(slow.url, events=["lead.created"])
        subscribe(good.url, events=["conversation.created"])
        for number in range(8):
            create_lead(tenants.acme.pk, name=f"Lead {number}")
        wait_for(lambda: len(slow.requests) >= 60, seconds=30)
        for number in range(1, 4):
            make_conversation(tenants.north)
            wait_for(lambda number=number: len(good.requests) == number, seconds=10)
        assert not Delivery.objects.filter(subscription__url=slow.url, status="succeeded").exists()


@pytest.mark.slow
def test_run_waiting_for_a_hanging_receiver_does_not_block_the_next_run(tenants, subscribe, monkeypatch):
    """As in a worker: two threads share one claim lock."""
    stop, claim_lock = threading.Event(), threading.Lock()

    def run():
        while not stop.is_set():
            asyncio.run(Dispatcher(should_stop=stop.is_set, run_seconds=1, claim_lock=claim_lock).run())

    threads = [threading.Thread(target=run) for _ in range(2)]
    with receiver(hang=6) as slow, receiver() as good:
        subscribe(slow.url, events=["lead.status_changed"])
        subscribe(good.url, events=["lead.created"])
        lead = create_lead(tenants.acme.pk, name="first")
        for thread in threads:
            thread.start()
        update_lead(lead, status="won")
        wait_for(lambda: slow.requests, seconds=20)
        try:
            for number in range(2, 6):
                time.sleep(0.7)
                create_lead(tenants.acme.pk, name=f"Lead {number}")
                wait_for(lambda number=number: len(good.requests) == number)
            # the slow receiver has not responded yet
            assert Delivery.objects.get(subscription__url=slow.url).status == "pending"
        finally:
            stop.set()
            for thread in threads:
                thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
    assert Delivery.objects.filter(status="succeeded").count() == 6


def test_error_while_storing_results_does_not_stop_the_dispatcher(tenants, subscribe, running_dispatcher, monkeypatch):
    right = dispatcher_module.results.store_results

    def wrong(batch):
        monkeypatch.setattr(dispatcher_module.results, "store_results", right)
        raise KeyError("a mistake of our own")

    wrong.__name__ = "store_results"
    monkeypatch.setattr(dispatcher_module.results, "store_results", wrong)
    with receiver() as endpoint:
        subscribe(endpoint.url)
        create_lead(tenants.acme.pk, name="first")
        wait_for(lambda: len(endpoint.requests) == 1 and dispatcher_module.results.store_results is right)
        create_lead(tenants.acme.pk, name="second")
        wait_for(lambda: Delivery.objects.filter(status="succeeded").count() == 1)


def test_worker_raises_its_open_file_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
        allow_many_connections()
        allowed, same = resource.getrlimit(resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert same == hard
    assert allowed == (4096 if hard == resource.RLIM_INFINITY else min(hard, 4096))


def test_worker_retries_its_broker_connection_forever():
    class EnoughSeen(Exception):
        pass

    failures = []

    def failed(error, interval):
        failures.append(error)
        if len(failures) > 200:
            raise EnoughSeen

    with Connection(f"redis://127.0.0.1:{free_port()}") as gone, pytest.raises(EnoughSeen):
        gone.ensure_connection(failed, app.conf.broker_connection_max_retries, interval_start=0, interval_step=0)
