"""`manage.py serve`: start, stop, and recovery without losing events when any process is killed."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from integrations.actions.api_keys import create_key
from integrations.actions.subscriptions import create_webhook
from integrations.models import Delivery, Event, EventName
from praxtalk.devservices import valkey
from praxtalk.supervisor import MAX_RESTARTS
from tests.servers import PROJECT, WEB, Server, is_running
from tests.webhooks.receivers import receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]


def call(server, path, secret=None, body=None, address="198.18.200.1", timeout=40):
    """Send a request and return (status, body, headers)."""
    headers = {"X-Forwarded-For": address, "Content-Type": "application/json"}
    if secret:
        headers["Authorization"] = f"Bearer {secret}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status, response.read(), response.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def test_serve_starts_and_stops_all_processes(tenants):
    with Server() as server:
        assert set(server.pids) >= {"front", "web", "sockets.1", "worker", "webhooks", "beat", "serve"}
        status, body, _ = call(server, "/readyz")
        assert (status, json.loads(body)["status"]) == (200, "ok")
        assert call(server, "/healthz")[0] == 200
        with socket.create_connection(("127.0.0.1", server.port)):  # an idle connection must not delay the shutdown
            server.process.send_signal(signal.SIGINT)
            assert server.wait_for_end() == 0
    assert server.output.rstrip().endswith("Stopped.")
    assert "Traceback" not in server.output


@pytest.mark.slow
def test_ctrl_c_during_startup_stops_all_processes_quickly(tenants):
    for seconds in (1.5, 3):
        command = [*Server.command, "--only", "front,web,sockets"]
        server = Server()
        with subprocess.Popen(command, cwd=PROJECT, env=server.environment, stdout=subprocess.PIPE, text=True) as node:
            time.sleep(seconds)
            began = time.monotonic()
            node.send_signal(signal.SIGINT)
            output = node.communicate(timeout=30)[0]
        assert time.monotonic() - began < 8
        assert "Traceback" not in output


@pytest.mark.slow
def test_second_serve_on_the_same_port_reports_the_conflict(tenants):
    with Server(*WEB) as server:
        second = subprocess.run(
            [sys.executable, "manage.py", "serve"],
            cwd=PROJECT,
            env=server.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 1
        assert "Is PraxTalk already running?" in second.stderr
        assert call(server, "/healthz")[0] == 200


@pytest.mark.slow
def test_two_processes_share_one_exact_rate_limit(tenants):
    """The limit is 60 requests a minute from one address, whichever process serves them."""
    with Server(*WEB, WEB_PROCESSES="2", RATE_LIMIT_IP="60") as server:
        address = f"10.9.{int(time.time()) >> 8 & 255}.{int(time.time()) & 255}"
        headers = call(server, "/api/v1/ping", address=address)[2]
        used = 1
        left = int(headers["X-RateLimit-Reset"]) - time.time()
        if left < 5:  # the window is about to end: count in the next one
            time.sleep(left + 1)
            used = 0
        codes = [call(server, "/api/v1/ping", address=address)[0] for _ in range(62 - used)]
        assert codes == [401] * (60 - used) + [429] * 2
        _, body, headers = call(server, "/api/v1/ping", address=address)
        assert set(json.loads(body)) == {"error"}
        assert int(headers["Retry-After"]) >= 1


def test_chunked_body_and_non_ascii_headers_are_accepted(server, tenants):
    before = len(server.lines)
    _, secret = create_key(tenants.acme, name="k", scope="write")

    def raw(head, body=b""):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            lines = f"{head}\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {secret}\r\nConnection: close\r\n".encode(
                "latin-1"
            )
            connection.sendall(lines + body)
            response = b""
            while chunk := connection.recv(65536):
                response += chunk
        return int(response.split()[1]), response

    head = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert raw("POST /api/v1/leads HTTP/1.1", head + b'8\r\n{"name":\r\n7\r\n"Maya"}\r\n0\r\n\r\n')[0] == 201
    for path in ("/api/v1/leads?status=\xff", "/api/v1/nothing\xff", "/api/v1/leads?status=%ff"):
        assert 400 <= raw(f"GET {path} HTTP/1.1", b"\r\n")[0] < 500
    assert raw(f"GET {server.url}/api/v1/ping HTTP/1.1", b"\r\n")[0] == 200
    socket_asked = (
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert raw("GET /api/v1/ping HTTP/1.1", socket_asked)[0] == 200  # no upgrade without "Connection: Upgrade"
    assert "Traceback" not in "\n".join(server.lines[before:])
    forged = b"X_Forwarded_For: 10.66.66.66\r\nX-Forwarded-For: 10.77.77.77\r\n\r\n"
    assert raw("GET /api/v1/ping HTTP/1.1", forged)[0] == 200


def test_keep_alive_connection_serves_every_request(server, tenants):
    """Many requests on one connection, and eight such connections at the same time: each gets its own response."""
    before = len(server.lines)
    _, secret = create_key(tenants.acme, name="k", scope="read")
    headers = {"Authorization": f"Bearer {secret}"}

    def calls(port, count):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=40)
        ids = []
        for _ in range(count):
            connection.request("GET", "/api/v1/ping", headers=headers)
            response = connection.getresponse()
            assert (response.status, json.loads(response.read())["ok"]) == (200, True)
            ids.append(response.headers["X-Request-Id"])
        connection.close()
        return ids

    assert len(set(calls(server.port, 200))) == 200
    with ThreadPoolExecutor(8) as pool:
        found = [request_id for ids in pool.map(lambda _: calls(server.port, 50), range(8)) for request_id in ids]
    assert len(set(found)) == 400
    assert "Traceback" not in "\n".join(server.lines[before:])


@pytest.mark.slow
def test_api_works_while_valkey_is_down(tenants, tmp_path):
    _, secret = create_key(tenants.acme, name="k", scope="write")
    url = valkey.start(tmp_path / "valkey")
    try:
        with Server(*WEB, REDIS_URL=url) as server:
            assert call(server, "/api/v1/ping", secret)[2]["X-RateLimit-Limit"]
            valkey.stop(url)
            started = time.monotonic()
            for _ in range(5):
                status, _, headers = call(server, "/api/v1/leads", secret, {"name": "Maya"})
                assert status == 201
            assert time.monotonic() - started < 3
            assert "X-RateLimit-Limit" not in headers
            status, body, _ = call(server, "/readyz")
            assert (status, json.loads(body)["status"], json.loads(body)["valkey"]) == (
                200,
                "degraded",
                "does not answer",
            )
            assert server.output.count("valkey does not answer") <= 4  # at most once per minute, purpose and process
            assert url not in server.output
    finally:
        valkey.stop(url)


class Writer(threading.Thread):
    """Create leads until stopped, and remember those that the server acknowledged."""

    def __init__(self, server, secret):
        super().__init__()
        self.server, self.secret, self.acknowledged, self.stopping = server, secret, set(), False

    def run(self):
        while not self.stopping:
            try:
                status, body, _ = call(self.server, "/api/v1/leads", self.secret, {"name": "Maya"}, timeout=3)
            except OSError:
                continue
            if status == 201:
                self.acknowledged.add(json.loads(body)["leadId"])
            time.sleep(0.02)


VICTIMS = ("webhooks", "worker", "beat", "front", "web", "worker of web", "sockets.1", "serve")


@pytest.mark.slow
def test_killed_process_is_restarted_and_no_event_is_lost(tenants):
    _, secret = create_key(tenants.acme, name="k", scope="write")
    acknowledged = set()
    with receiver(hang=0.05) as endpoint:
        create_webhook_for(tenants, endpoint.url)
        with Server(WEB_PROCESSES="1") as server:
            for victim in VICTIMS:
                writer = Writer(server, secret)
                writer.start()
                wait_until(lambda writer=writer: writer.acknowledged)
                pids = server.pids
                kill(pids, victim)
                if victim == "serve":
                    server.wait_for_end()
                    wait_until(lambda pids=pids: not any(is_running(pid) for pid in pids.values()))
                else:
                    if victim in pids:
                        server.wait_for_line(f"{victim} (pid {pids[victim]}) was killed by SIGKILL; started again")
                    before = len(writer.acknowledged)
                    wait_until(lambda writer=writer, before=before: len(writer.acknowledged) > before + 3)
                writer.stopping = True
                writer.join(10)
                acknowledged |= writer.acknowledged
        with Server(WEB_PROCESSES="1"):
            wait_until(lambda: not Delivery.objects.exclude(status="succeeded").exists(), seconds=120)
    assert acknowledged <= {json.loads(request.body)["data"]["lead"]["_id"] for request in endpoint.requests}
    recorded = {str(pk) for pk in Event.objects.values_list("pk", flat=True)}
    assert {request.headers["X-PraxTalk-Event-Id"] for request in endpoint.requests} == recorded


def kill(pids, victim):
    """Send SIGKILL to a process. "worker of web" is a process started by Granian."""
    pid = pids.get(victim) or psutil.Process(pids["web"]).children()[0].pid
    os.kill(pid, signal.SIGKILL)


def wait_until(is_so, seconds=60):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_process_that_keeps_crashing_stops_serve(tenants):
    with Server(*WEB) as server:
        for _ in range(MAX_RESTARTS + 1):
            pid = server.pids["sockets.1"]
            os.kill(pid, signal.SIGKILL)
            server.wait_for_line(f"sockets.1 (pid {pid}) was killed")
        assert server.wait_for_end() == 1
    assert f"sockets.1 (pid {pid}) was killed by SIGKILL; stopping the rest." in server.output


def create_webhook_for(tenants, url):
    import ipaddress

    from django.test import override_settings

    with override_settings(WEBHOOK_ALLOW_CIDRS=[ipaddress.ip_network("127.0.0.0/8")]):
        return create_webhook(tenants.acme, url=url, events=[EventName.LEAD_CREATED])


WRONG = {
    "RATE_LIMIT_IP": "0",
    "TRUSTED_PROXIES": "nonsense",
    "ENCRYPTION_KEYS": "bad",
    "DATABASE_URL": "mysql://x/y",
    "REDIS_URL": "foo",
    "DEBUG": "maybe",
    "LOG_FORMAT": "xml",
    "LOG_LEVEL": "XX",
    "BASE_URL": "chat.example.com",
    "PORT": "80000",
    "SECRET_KEY": "short",
}


@pytest.mark.parametrize("name", WRONG)
def test_invalid_setting_is_reported_at_startup(name):
    code = "import praxtalk.settings"
    environment = os.environ | {name: WRONG[name]}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert f"ImproperlyConfigured: {name} is missing or invalid: " in result.stderr
