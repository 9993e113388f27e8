"""The reverse proxy and the servers behind it: HTTPS, request sizes, start-up."""

import http.client
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
import requests
from websockets.sync.client import connect

from accounts.actions.operator_tokens import issue_token
from integrations.actions.api_keys import create_key
from praxtalk import processes, wsgi
from praxtalk.endpoints import Endpoint
from tests.servers import WEB, HttpsServer, Server, free_port

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]


MEGABYTE = 2**20


@pytest.fixture(scope="module")
def server(django_db_setup):
    with Server(*WEB, WEB_PROCESSES="1", LOCK_TIMEOUT="4", IDLE_TRANSACTION_TIMEOUT="1") as running:
        yield running


def get(url, **headers):
    """Send a GET request and return (status, headers, body)."""
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.status, response.headers, response.read()


def test_domain_setting_enables_https(tenants, tmp_path):
    _, secret = create_key(tenants.acme, name="k", scope="read")
    with HttpsServer() as server:
        port, context = server.port, server.tls
        connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=20)
        connection.request("GET", "/api/v1/ping", headers={"Authorization": f"Bearer {secret}"})
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["ok"]) == (200, True)
        connection.request("GET", "/app/login/")
        response = connection.getresponse()
        response.read()
        assert response.status == 200
        assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "Secure" in response.headers["Set-Cookie"]
        with connect(f"wss://localhost:{port}/api/sync", ssl=context) as live:
            live.send(json.dumps({"type": "Connect", "sessionId": "a", "connectionCount": 0}))
            token = issue_token(tenants.alice)[0]
            live.send(json.dumps({"type": "Authenticate", "baseVersion": 0, "tokenType": "User", "value": token}))
            assert json.loads(live.recv(timeout=20))["type"] == "Transition"
        redirect = http.client.HTTPConnection("localhost", server.http_port, timeout=20)
        redirect.request("GET", "/app/login/", headers={"Host": "localhost"})
        response = redirect.getresponse()
        assert response.status in (301, 308)
        assert response.headers["Location"].startswith("https://localhost")
        assert "Traceback" not in server.output


@pytest.mark.slow
def test_http_redirects_to_https_except_for_health_endpoints(tenants):
    with HttpsServer() as server:
        plain = http.client.HTTPConnection("localhost", server.http_port, timeout=20)
        plain.request("GET", "/app/?a=b")
        response = plain.getresponse()
        response.read()
        assert response.status == 308
        assert response.headers["Location"] == f"https://localhost:{server.port}/app/?a=b"
        assert "Server" not in response.headers
        for path in ("/healthz", "/readyz"):
            plain.request("GET", path)
            response = plain.getresponse()
            assert (response.status, json.loads(response.read())["ok" if path == "/healthz" else "database"]) in (
                (200, True),
                (200, "ok"),
            )


@pytest.mark.parametrize(
    ("size", "status", "code"),
    [(1_100_000, 422, "too_long"), (1_900_000, 422, "too_long"), (15_000_000, 413, "too_long")],
)
def test_too_large_body_is_rejected_with_the_right_error(server, tenants, size, status, code):
    _, secret = create_key(tenants.acme, name="k", scope="write")
    for _ in range(5):
        body = b'{"name": "' + b"x" * size + b'"}'
        response = requests.post(
            f"{server.url}/api/v1/leads",
            data=body,
            headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
            timeout=30,
        )
        assert (response.status_code, response.headers["X-Error-Code"]) == (status, code)
        assert response.json()["error"]


def test_wrong_key_is_reported_whatever_the_body_size(server):
    for _ in range(5):
        response = requests.post(
            f"{server.url}/api/v1/leads", data=b"x" * 1_900_000, headers={"Authorization": "Bearer no"}, timeout=30
        )
        assert response.status_code == 401


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


def wait_for(is_so, seconds=30):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_process_environment_is_not_exposed_to_requests(monkeypatch):
    environment = {}
    monkeypatch.setattr(
        wsgi, "django_application", lambda environ, start_response: environment.update(environ) or Answer()
    )
    name = next(name for name in os.environ if name == "SECRET_KEY")
    assert wsgi.application({**os.environ, "REQUEST_METHOD": "GET", "PATH_INFO": "/"}, None) == [b""]
    assert name not in environment
    assert environment["PATH_INFO"] == "/"


class Answer:
    streaming = False

    def __iter__(self):
        return iter([])

    def close(self):
        pass


@pytest.mark.slow
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
