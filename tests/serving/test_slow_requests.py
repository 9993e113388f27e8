"""Slow clients, slow queries, locks and long exports delay no other request."""

import json
import socket
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import psutil
import pytest
import requests
from django.db import connections, transaction

from conversations.models import Conversation, Message
from integrations.actions.api_keys import create_key
from tests.conftest import make_conversation
from tests.servers import WEB, Server
from tests.serving.test_reverse_proxy import MEGABYTE, get, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]


@pytest.fixture(scope="module")
def server(django_db_setup):
    with Server(*WEB, WEB_PROCESSES="1", LOCK_TIMEOUT="4", IDLE_TRANSACTION_TIMEOUT="1") as running:
        yield running


def test_slow_query_does_not_delay_other_requests(server, tenants):
    """The statement takes ten seconds in PostgreSQL, in the process that also serves the other requests."""
    _, secret = create_key(tenants.acme, name="k", scope="write")
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(10); RETURN NEW; END $$;"
            "CREATE TRIGGER slow BEFORE INSERT ON leads_lead FOR EACH ROW EXECUTE FUNCTION slow()"
        )
    headers = {"Authorization": f"Bearer {secret}"}
    try:
        with ThreadPoolExecutor(1) as threads:
            slow = threads.submit(
                lambda: requests.post(f"{server.url}/api/v1/leads", json={"name": "A"}, headers=headers, timeout=30)
            )
            time.sleep(0.5)
            listed = seconds_of(lambda: get(f"{server.url}/api/v1/conversations", **headers))
            assert not slow.done()
            assert sorted(listed)[-2] < 0.5  # the 99th percentile of a hundred requests
            assert slow.result().status_code == 201
    finally:
        with connections["default"].cursor() as cursor:
            cursor.execute("DROP TRIGGER slow ON leads_lead; DROP FUNCTION slow()")


def assert_responds_at_once(server):
    """Check that a thread is free: five requests take less than three seconds."""
    began = time.monotonic()
    for _ in range(5):
        assert get(f"{server.url}/healthz")[0] == 200
    assert time.monotonic() - began < 3


def test_clients_that_stop_sending_halfway_block_no_thread(server, tenants):
    _, secret = create_key(tenants.acme, name="k", scope="write")
    head = (
        f"POST /api/v1/leads HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {secret}\r\n"
        'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"name": '
    )
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    try:
        for each in slow:
            each.sendall(head.encode())
        time.sleep(0.5)
        assert_responds_at_once(server)
    finally:
        for each in slow:
            each.close()


@pytest.mark.slow
def test_clients_that_never_read_block_no_thread(server, tenants):
    _, secret = create_key(tenants.acme, name="k", scope="read")
    conversation = make_conversation(tenants.north)
    add_messages(conversation, 100, "x" * 9_000)  # about 1 MB per response
    request = (
        f"GET /api/v1/conversations/{conversation.pk} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Authorization: Bearer {secret}\r\n\r\n"
    )
    slow = []
    try:
        for _ in range(20):
            each = socket.socket()
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            each.connect(("127.0.0.1", server.port))
            each.sendall(request.encode())
            slow.append(each)
        time.sleep(1)
        assert_responds_at_once(server)
    finally:
        for each in slow:
            each.close()


def add_messages(conversation, count, body):
    messages = [
        Message(
            workspace_id=conversation.workspace_id,
            conversation=conversation,
            position=2 + index,
            role="visitor",
            channel="widget",
            body=body,
        )
        for index in range(count)
    ]
    Message.objects.bulk_create(messages, batch_size=1000)
    Conversation.objects.filter(pk=conversation.pk).update(last_position=count + 1, message_count=count + 1)


@pytest.mark.slow
def test_request_waiting_for_a_lock_delays_no_other_and_gets_503(server, tenants, conversations):
    _, secret = create_key(tenants.acme, name="k", scope="write")
    url = f"{server.url}/api/v1/conversations/{conversations.north.pk}/messages"

    def send():
        body, headers = json.dumps({"body": "Hi"}).encode(), {"Authorization": f"Bearer {secret}"}
        request = urllib.request.Request(url, body, headers | {"Content-Type": "application/json"})
        try:
            return urllib.request.urlopen(request, timeout=30).status
        except urllib.error.HTTPError as error:
            return error.code, error.headers["X-Error-Code"], error.headers["Retry-After"]

    with ThreadPoolExecutor(1) as threads, transaction.atomic():
        Conversation.objects.select_for_update().get(pk=conversations.north.pk)
        waiting = threads.submit(send)
        time.sleep(0.5)
        healthy = seconds_of(lambda: get(f"{server.url}/healthz"))
        listed = seconds_of(lambda: get(f"{server.url}/api/v1/conversations", Authorization=f"Bearer {secret}"))
        assert not waiting.done()
        assert median(healthy) < 0.05
        assert sorted(listed)[-2] < 0.5  # the 99th percentile of a hundred requests
        assert waiting.result() == (503, "unavailable", "5")
    assert send() == 201


def seconds_of(request):
    """Return the seconds that each of a hundred calls takes."""
    durations = []
    for _ in range(100):
        began = time.monotonic()
        assert request()[0] == 200
        durations.append(time.monotonic() - began)
    return durations


@pytest.mark.slow
def test_slow_client_receives_a_whole_export_with_little_server_memory(server, tenants, client):
    """The client also pauses for longer than a transaction may be idle."""
    conversation = make_conversation(tenants.north)
    add_messages(conversation, 6_400, "y" * 10_000)
    client.force_login(tenants.alice)
    request = (
        f"GET /app/settings/export/ HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n"
        f"Cookie: sessionid={client.cookies['sessionid'].value}\r\n\r\n"
    )
    get(f"{server.url}/app/login/")
    worker = psutil.Process(server.pids["web"]).children()[0]
    before, peak, read = worker.memory_info().rss, 0, 0
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        reader.connect(("127.0.0.1", server.port))
        reader.settimeout(60)
        reader.sendall(request.encode())
        tail, pauses = b"", [MEGABYTE, 30 * MEGABYTE]
        while piece := reader.recv(65_536):
            read += len(piece)
            tail = (tail + piece)[-20:]
            if pauses and read > pauses[0]:
                pauses.pop(0)
                time.sleep(2.5)
                peak = max(peak, worker.memory_info().rss)
    assert read > 64_000_000
    assert tail.endswith(b"}\n\r\n0\r\n\r\n")  # the end of the JSON document and the last chunk
    assert peak - before < 50 * MEGABYTE


@pytest.mark.slow
def test_second_concurrent_export_of_a_process_is_rejected_with_a_message(server, tenants, client):
    add_messages(make_conversation(tenants.north), 3_000, "z" * 10_000)
    client.force_login(tenants.alice)
    browser = requests.Session()
    browser.cookies.set("sessionid", client.cookies["sessionid"].value, domain="127.0.0.1")
    export, leads = f"{server.url}/app/settings/export/", f"{server.url}/app/leads/export/"
    with browser.get(export, stream=True, timeout=30) as first:
        assert first.raw.read(1000)
        assert "Too many exports are being downloaded. Try again in 5 s." in browser.get(export, timeout=30).text
        assert "Too many exports are being downloaded." in browser.get(leads, timeout=30).text
        assert get(f"{server.url}/healthz")[0] == 200
        assert first.raw.read().endswith(b"}\n")
    wait_for(lambda: browser.get(leads, timeout=30).headers["Content-Type"].startswith("text/csv"))


@pytest.mark.slow
def test_aborted_exports_release_their_database_connections(server, tenants, client):
    conversation = make_conversation(tenants.north)
    add_messages(conversation, 3_000, "z" * 10_000)
    client.force_login(tenants.alice)
    request = (
        f"GET /app/settings/export/ HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Cookie: sessionid={client.cookies['sessionid'].value}\r\n\r\n"
    )
    for _ in range(20):  # more than the threads and more than the connections of the pool
        with socket.create_connection(("127.0.0.1", server.port)) as reader:
            reader.sendall(request.encode())
            reader.recv(1000)
    wait_for(lambda: open_transactions() == 0)
    assert get(f"{server.url}/readyz")[0] == 200


def open_transactions():
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL"
            " AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]
