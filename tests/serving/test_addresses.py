"""Client addresses on real sockets: IPv4, IPv6 and both, directly and behind proxies, over HTTP and WebSockets."""

import http.client
import ipaddress
import json
import os
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
import redis
from websockets.sync.client import connect

from accounts.models import AuditEntry
from integrations.actions.api_keys import create_key
from praxtalk.core.api.address import UNKNOWN_ADDRESS, rate_limit_unit, resolve_client_address
from praxtalk.endpoints import bound_socket
from tests.servers import WEB, Server, valkey_url
from tests.sync.sockets import Socket

needs_server = pytest.mark.live
needs_database = pytest.mark.django_db(transaction=True)
PROXY_6, PROXY_4 = "::1/128", "127.0.0.1/32"


@pytest.fixture(autouse=True)
def reset_rate_limits():
    with redis.Redis.from_url(valkey_url()) as valkey:
        valkey.flushdb()


def request(host, port, path="/api/v1/ping", *, secret=None, method="GET", body=None, **headers):
    """Send a request to this address and return (status, headers, body)."""
    connection = http.client.HTTPConnection(host, port, timeout=40)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if secret:
        headers["Authorization"] = f"Bearer {secret}"
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    found = response.status, response.headers, response.read().decode()
    connection.close()
    return found


LISTENERS = [
    pytest.param("127.0.0.1", ["127.0.0.1"], marks=pytest.mark.slow),
    pytest.param("::1", ["::1"], marks=pytest.mark.slow),
    ("::", ["::1", "127.0.0.1"]),
    pytest.param("localhost", ["127.0.0.1"], marks=pytest.mark.slow),
]


@needs_server
@needs_database
@pytest.mark.parametrize(("host", "callers"), LISTENERS)
def test_client_address_is_recognised_on_every_kind_of_socket(tenants, host, callers):
    listed = {
        caller: create_key(tenants.acme, name=caller, scope="write", allowed_cidrs=[caller])[1] for caller in callers
    }
    other = create_key(tenants.acme, name="other", scope="read", allowed_cidrs=["198.51.100.7"])[1]
    with Server(*WEB, host=host, WEB_PROCESSES="1", TRUSTED_PROXIES="", RATE_LIMIT_IP="3") as server:
        printed = (
            f"http://{'[::1]' if host == '::1' else 'localhost' if host == 'localhost' else '127.0.0.1'}:{server.port}"
        )
        assert f"Starting on {printed} ..." in server.output
        for caller in callers:
            assert request(caller, server.port, secret=listed[caller])[0] == 200
            status, _, body = request(caller, server.port, secret=other)
            assert (status, json.loads(body)["error"]) == (403, f"This key may not be used from {caller}.")
            codes = [request(caller, server.port)[0] for _ in range(8)]  # a new rate-limit window may begin in between
            assert codes[0] == 401
            assert 429 in codes
            request(caller, server.port, "/app/login/", method="POST")  # rejected for its missing CSRF token
            new = {"url": "https://crm.example/", "events": ["lead.created"]}
            status, _, _ = request(
                caller,
                server.port,
                "/api/v1/webhooks",
                secret=listed[caller],
                method="POST",
                body=json.dumps(new),
                Content_Type="application/json",
            )
            assert status == 201
            assert AuditEntry.objects.latest("created_at").address == caller


@pytest.mark.slow
@needs_server
@needs_database
@pytest.mark.parametrize(("host", "peer", "proxies"), [("::1", "::1", PROXY_6), ("::", "127.0.0.1", PROXY_4)])
def test_each_client_behind_a_proxy_on_an_ipv6_socket_has_its_own_limit(tenants, host, peer, proxies):
    with Server(*WEB, host=host, WEB_PROCESSES="1", TRUSTED_PROXIES=proxies, RATE_LIMIT_IP="1") as server:
        clients = ("203.0.113.7", "[2001:db8:7::1]:5678", "2001:db8:8::1", "203.0.113.8:1234", "::ffff:203.0.113.9")
        assert [request(peer, server.port, X_Forwarded_For=client)[0] for client in clients] == [401] * 5
        again = ("203.0.113.7:99", "2001:db8:7::2", "[2001:db8:8:0:5::]", "203.0.113.8", "203.0.113.9")
        for client in again:  # twice, because a new rate-limit window may begin before the first
            assert 429 in [request(peer, server.port, X_Forwarded_For=client)[0] for _ in range(2)]


@pytest.mark.slow
@needs_server
@needs_database
@pytest.mark.parametrize(("host", "callers"), [("::1", ["::1"]), ("::", ["::1", "127.0.0.1"])])
def test_sockets_of_one_address_do_not_use_up_the_slots_of_another(tenants, host, callers):
    """A client behind the proxy may have 100 sockets. Other clients can still connect, whatever the address family of
    the peer."""
    with Server(*WEB, host=host, WEB_PROCESSES="1", TRUSTED_PROXIES=f"{PROXY_6},{PROXY_4}") as server:
        urls = [f"http://{f'[{caller}]' if ':' in caller else caller}:{server.port}" for caller in callers]
        held = [Socket(urls[0], address="[2001:db8:9::1]:5678") for _ in range(100)]
        for url in urls:
            with Socket(url, address="2001:db8:10::1") as other:
                other.receive_until(lambda: other.version["ts"] != "AAAAAAAAAAA=" or other.frames)
        with connect(
            urls[0].replace("http", "ws", 1) + "/api/sync", additional_headers={"X-Forwarded-For": "2001:db8:9::2"}
        ):
            pass  # accepted, but it waits for a free slot; see tests/sync
        for socket_ in held:
            socket_.__exit__()


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("::1", "", "::1"),
        ("::ffff:127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "[2001:db8::7]:443", "2001:db8::7"),
        ("127.0.0.1", '"[2001:db8::7]:443"', "2001:db8::7"),
        ("127.0.0.1", "[2001:db8::7]", "2001:db8::7"),
        ("127.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("127.0.0.1", "203.0.113.7:443", "203.0.113.7"),
        ("127.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "[::ffff:203.0.113.7]:80", "203.0.113.7"),
        ("127.0.0.1", "6.6.6.6, 203.0.113.7, [::1]:80", "203.0.113.7"),
        ("127.0.0.1", "203.0.113.7, ", "203.0.113.7"),
        ("203.0.113.1", "6.6.6.6", "203.0.113.1"),
        ("fe80::1%eth0", "6.6.6.6", "fe80::1"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "[2001:db8::7", "127.0.0.1"),
        ("127.0.0.1", "6.6.6.6, unknown", "127.0.0.1"),
        ("", "6.6.6.6", "6.6.6.6"),  # the reverse proxy, through a Unix socket
        ("", "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("", "6.6.6.6, 203.0.113.7, 127.0.0.1", "203.0.113.7"),
        ("", "", UNKNOWN_ADDRESS),
        ("nonsense", "6.6.6.6", UNKNOWN_ADDRESS),
    ],
)
def test_client_address_is_parsed_in_every_notation(settings, peer, forwarded, address):
    settings.TRUSTED_PROXIES = [ipaddress.ip_network(PROXY_4), ipaddress.ip_network(PROXY_6)]
    assert resolve_client_address(peer, forwarded) == address


def test_ipv6_clients_are_limited_per_64_prefix():
    assert rate_limit_unit("2001:db8:1:2:3::4") == rate_limit_unit("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert rate_limit_unit("2001:db8:1:3::9") != rate_limit_unit("2001:db8:1:2::9")


def test_unknown_address_is_logged_once_a_minute(settings, capsys, monkeypatch):
    reasons = []
    monkeypatch.setattr("praxtalk.core.api.address._logged_at", {})
    monkeypatch.setattr("praxtalk.core.api.address.log.error", lambda *args, **more: reasons.append(more["reason"]))
    settings.TRUSTED_PROXIES = [ipaddress.ip_network(PROXY_4)]
    for _ in range(3):
        resolve_client_address("", "")
        resolve_client_address("127.0.0.1", "unknown")
    assert len(reasons) == 2


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        ("", "http://127.0.0.1:8123"),
        ("127.0.0.1", "http://127.0.0.1:8123"),
        ("0.0.0.0", "http://127.0.0.1:8123"),
        ("::", "http://127.0.0.1:8123"),
        ("::1", "http://[::1]:8123"),
        ("[::1]", "http://[::1]:8123"),
        ("2001:db8::7", "http://[2001:db8::7]:8123"),
        ("192.0.2.7", "http://192.0.2.7:8123"),
        ("localhost", "http://localhost:8123"),
    ],
)
def test_default_base_url_is_reachable_by_a_browser(host, base_url):
    environment = {name: value for name, value in os.environ.items() if name != "BASE_URL"}
    environment |= {"HOST": host, "PORT": "8123", "DJANGO_SETTINGS_MODULE": "praxtalk.settings"}
    code = "from django.conf import settings; print(settings.BASE_URL, *settings.ALLOWED_HOSTS)"
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    printed, *allowed = run.stdout.split()
    assert printed == base_url
    assert urlsplit(base_url).netloc.rpartition(":")[0] in allowed


def test_socket_for_all_addresses_accepts_ipv4_and_ipv6_clients():
    with bound_socket("::", 0) as listening:
        listening.listen()
        port = listening.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, port)):
                listening.accept()[0].close()
