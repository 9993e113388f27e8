"""The reverse proxy and the servers behind it: static files, HTTPS, slow clients, blocked requests, long exports."""

import http.client
import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from urllib.parse import urljoin

import psutil
import pytest
import requests
from django.db import connections, transaction
from websockets.sync.client import connect

from accounts.operator_tokens import issue_token
from conversations.models import Conversation, Message
from integrations.actions.api_keys import create_key
from praxtalk import processes, wsgi
from praxtalk.endpoints import Endpoint
from tests.conftest import make_conversation
from tests.servers import WEB, HttpsServer, Server, free_port

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]

IMPORT = re.compile(r'(?:from|import)\s*"(\.[^"]+)"')
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def server(django_db_setup):
    with Server(*WEB, WEB_PROCESSES="1", LOCK_TIMEOUT="4", IDLE_TRANSACTION_TIMEOUT="1") as running:
        yield running


def get(url, **headers):
    """Send a GET request and return (status, headers, body)."""
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status, answer.headers, answer.read()


def test_static_files_have_hashed_names_and_are_cached_for_a_year(server):
    page = get(f"{server.url}/app/login/")[2].decode()
    style = re.search(r'href="(/static/dashboard/theme\.[0-9a-f]{12}\.css)"', page)[1]
    status, headers, _ = get(server.url + style, Accept_Encoding="gzip")
    assert (status, headers["Content-Encoding"]) == (200, "gzip")
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert get(f"{server.url}/static/dashboard/theme.css")[1]["Cache-Control"] == "public, max-age=60"
    assert "Server" not in headers
    assert "Via" not in headers


def test_web_server_alone_collects_its_static_files(cast, tmp_path):
    """Its pages refer to them, whichever server delivers them."""
    with Server("--only", "web", WEB_PROCESSES="1", STATIC_ROOT=str(tmp_path / "static")) as alone:
        page = get(f"{alone.url}/app/login/")[2].decode()
    name = re.search(r'href="/static/(dashboard/theme\.[0-9a-f]{12}\.css)"', page)[1]
    assert (tmp_path / "static" / name).exists()


def test_javascript_modules_import_hashed_modules_of_the_same_version(server, cast, client):
    client.force_login(cast.alice)
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    page = get(f"{server.url}/app/inbox/", Cookie=cookie)[2].decode()
    waiting = [server.url + path for path in re.findall(r'<script type="module" src="([^"]+)"', page)]
    seen = set()
    while waiting:
        url = waiting.pop()
        if url in seen:
            continue
        seen.add(url)
        assert re.search(r"\.[0-9a-f]{12}\.js$", url), url
        source = get(url)[2].decode()
        waiting += [urljoin(url, path) for path in IMPORT.findall(source)]
    assert len(seen) > 20


def test_domain_setting_enables_https(cast, tmp_path):
    _, secret = create_key(cast.acme, name="k", scope="read")
    with HttpsServer() as server:
        port, context = server.port, server.tls
        connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=20)
        connection.request("GET", "/api/v1/ping", headers={"Authorization": f"Bearer {secret}"})
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["ok"]) == (200, True)
        connection.request("GET", "/app/login/")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "Secure" in answer.headers["Set-Cookie"]
        with connect(f"wss://localhost:{port}/api/sync", ssl=context) as live:
            live.send(json.dumps({"type": "Connect", "sessionId": "a", "connectionCount": 0}))
            token = issue_token(cast.alice)[0]
            live.send(json.dumps({"type": "Authenticate", "baseVersion": 0, "tokenType": "User", "value": token}))
            assert json.loads(live.recv(timeout=20))["type"] == "Transition"
        redirect = http.client.HTTPConnection("localhost", server.http_port, timeout=20)
        redirect.request("GET", "/app/login/", headers={"Host": "localhost"})
        answer = redirect.getresponse()
        assert answer.status in (301, 308)
        assert answer.headers["Location"].startswith("https://localhost")
        assert "Traceback" not in server.output


def test_http_redirects_to_https_except_for_health_endpoints(cast):
    with HttpsServer() as server:
        plain = http.client.HTTPConnection("localhost", server.http_port, timeout=20)
        plain.request("GET", "/app/?a=b")
        answer = plain.getresponse()
        answer.read()
        assert answer.status == 308
        assert answer.headers["Location"] == f"https://localhost:{server.port}/app/?a=b"
        assert "Server" not in answer.headers
        for path in ("/healthz", "/readyz"):
            plain.request("GET", path)
            answer = plain.getresponse()
            assert (answer.status, json.loads(answer.read())["ok" if path == "/healthz" else "database"]) in (
                (200, True),
                (200, "ok"),
            )


@pytest.mark.parametrize(
    ("size", "status", "code"),
    [(1_100_000, 422, "too_long"), (1_900_000, 422, "too_long"), (15_000_000, 413, "too_long")],
)
def test_too_large_body_is_rejected_with_the_right_error(server, cast, size, status, code):
    _, secret = create_key(cast.acme, name="k", scope="write")
    for _ in range(5):
        body = b'{"name": "' + b"x" * size + b'"}'
        answer = requests.post(
            f"{server.url}/api/v1/leads",
            data=body,
            headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
            timeout=30,
        )
        assert (answer.status_code, answer.headers["X-Error-Code"]) == (status, code)
        assert answer.json()["error"]


def test_wrong_key_is_reported_whatever_the_body_size(server):
    for _ in range(5):
        answer = requests.post(
            f"{server.url}/api/v1/leads", data=b"x" * 1_900_000, headers={"Authorization": "Bearer no"}, timeout=30
        )
        assert answer.status_code == 401


def test_websocket_handshake_with_large_headers_gets_a_response(server):
    def handshake(name, size):
        head = (
            f"GET /api/sync HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{name}: {'x' * size}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
            raw.sendall(head.encode())
            return int(raw.recv(1000).split()[1])

    assert handshake("Cookie", 30_000) == 101
    assert handshake("X-Large", 7_000) == 101
    assert handshake("X-Large", 9_000) == 400
    assert handshake("X-Large", 30_000) == 400


def test_slow_query_does_not_delay_other_requests(server, cast):
    """The statement takes ten seconds in PostgreSQL, in the process that also serves the other requests."""
    _, secret = create_key(cast.acme, name="k", scope="write")
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


def wait_for(is_so, seconds=30):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def answers_at_once(server):
    """Check that a thread is free: five requests take less than three seconds."""
    began = time.monotonic()
    for _ in range(5):
        assert get(f"{server.url}/healthz")[0] == 200
    assert time.monotonic() - began < 3


def test_clients_that_stop_sending_halfway_block_no_thread(server, cast):
    _, secret = create_key(cast.acme, name="k", scope="write")
    head = (
        f"POST /api/v1/leads HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {secret}\r\n"
        'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"name": '
    )
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    try:
        for each in slow:
            each.sendall(head.encode())
        time.sleep(0.5)
        answers_at_once(server)
    finally:
        for each in slow:
            each.close()


def test_clients_that_never_read_block_no_thread(server, cast):
    _, secret = create_key(cast.acme, name="k", scope="read")
    conversation = make_conversation(cast.north)
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
        answers_at_once(server)
    finally:
        for each in slow:
            each.close()


def add_messages(conversation, count, body):
    Message.objects.bulk_create(
        Message(
            workspace_id=conversation.workspace_id,
            conversation=conversation,
            position=2 + index,
            role="visitor",
            channel="widget",
            body=body,
        )
        for index in range(count)
    )
    Conversation.objects.filter(pk=conversation.pk).update(last_position=count + 1, message_count=count + 1)


def test_request_waiting_for_a_lock_delays_no_other_and_gets_503(server, cast, conversations):
    _, secret = create_key(cast.acme, name="k", scope="write")
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


def seconds_of(ask):
    """Return the seconds that each of a hundred calls takes."""
    taken = []
    for _ in range(100):
        began = time.monotonic()
        assert ask()[0] == 200
        taken.append(time.monotonic() - began)
    return taken


def test_slow_client_receives_a_whole_export_with_little_server_memory(server, cast, client):
    """The client also pauses for longer than a transaction may be idle."""
    conversation = make_conversation(cast.north)
    add_messages(conversation, 6_400, "y" * 10_000)
    client.force_login(cast.alice)
    request = (
        f"GET /app/settings/export/ HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n"
        f"Cookie: sessionid={client.cookies['sessionid'].value}\r\n\r\n"
    )
    get(f"{server.url}/app/login/")
    worker = psutil.Process(server.pids["web"]).children()[0]
    before, most, read = worker.memory_info().rss, 0, 0
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
                most = max(most, worker.memory_info().rss)
    assert read > 64_000_000
    assert tail.endswith(b"}\n\r\n0\r\n\r\n")  # the end of the JSON document and the last chunk
    assert most - before < 50 * MEGABYTE


def test_second_concurrent_export_of_a_process_is_rejected_with_a_message(server, cast, client):
    add_messages(make_conversation(cast.north), 3_000, "z" * 10_000)
    client.force_login(cast.alice)
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


def test_aborted_exports_release_their_database_connections(server, cast, client):
    conversation = make_conversation(cast.north)
    add_messages(conversation, 3_000, "z" * 10_000)
    client.force_login(cast.alice)
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


def test_process_environment_is_not_exposed_to_requests(monkeypatch):
    taken = {}
    monkeypatch.setattr(wsgi, "django", lambda environ, start_response: taken.update(environ) or Answer())
    name = next(name for name in os.environ if name == "SECRET_KEY")
    assert wsgi.application({**os.environ, "REQUEST_METHOD": "GET", "PATH_INFO": "/"}, None) == [b""]
    assert name not in taken
    assert taken["PATH_INFO"] == "/"


class Answer:
    streaming = False

    def __iter__(self):
        return iter([])

    def close(self):
        pass


def test_two_servers_run_side_by_side(server):
    with Server(*WEB, WEB_PROCESSES="1") as other:
        assert get(f"{server.url}/healthz")[0] == get(f"{other.url}/healthz")[0] == 200


def test_folder_names_may_contain_spaces(settings, tmp_path):
    settings.PORT, settings.DOMAIN = free_port(), ""
    settings.DATA_DIR, settings.STATIC_ROOT = tmp_path / "a data folder", tmp_path / "static files"
    settings.STATIC_ROOT.mkdir()
    (settings.STATIC_ROOT / "page.css").write_text("a{}")
    nowhere = Endpoint(path="/nonexistent/nowhere.sock")
    front = processes.reverse_proxy(nowhere, [nowhere])
    with subprocess.Popen(front.command, env={**os.environ, **front.environment}) as caddy:
        try:
            wait_for(lambda: is_listening(settings.PORT))
            assert get(f"http://127.0.0.1:{settings.PORT}/static/page.css")[2] == b"a{}"
        finally:
            caddy.terminate()


def test_during_startup_api_clients_get_json_and_browsers_a_page(settings):
    settings.PORT, settings.DOMAIN = free_port(), ""
    nowhere = Endpoint(path="/nonexistent/nowhere.sock")
    front = processes.reverse_proxy(nowhere, [nowhere])
    url = f"http://127.0.0.1:{settings.PORT}"
    with subprocess.Popen(front.command, env={**os.environ, **front.environment}) as caddy:
        try:
            wait_for(lambda: is_listening(settings.PORT))
            with pytest.raises(urllib.error.HTTPError) as refused:
                get(f"{url}/api/v1/ping")
            assert (refused.value.code, refused.value.headers["Retry-After"]) == (503, "2")
            assert json.loads(refused.value.read()) == {"error": "PraxTalk is starting. Try again in a moment."}
            with pytest.raises(urllib.error.HTTPError) as refused:
                get(f"{url}/app/", Accept="text/html,*/*")
            assert refused.value.headers["Content-Type"] == "text/html; charset=utf-8"
        finally:
            caddy.terminate()


def is_listening(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
