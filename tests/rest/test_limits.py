"""Rate limits: the documented numbers, their headers, and which requests are counted together."""

import itertools
import socket
import time

import pytest
import time_machine
from django_ratelimit.core import _get_window as GET_WINDOW

from praxtalk.core.api import limits
from praxtalk.core.circuit_breaker import CircuitBreaker
from tests.conftest import ApiKeyClient

_hosts = itertools.count(int(time.time() * 1000) % 2**30)


def fresh_address():
    """Return an IPv4 address that no other test has used."""
    number = next(_hosts)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


@pytest.fixture(autouse=True)
def window_of_an_hour(monkeypatch):
    """Stretch the window of django-ratelimit to an hour, because a window must not end while a test counts."""
    monkeypatch.setattr(
        "django_ratelimit.core._get_window", lambda value, period: (int(time.time()) // 3600 + 1) * 3600
    )
    monkeypatch.setattr(
        limits, "_breaker", CircuitBreaker("test")
    )  # a breaker that one test opens affects no other test


def test_60_requests_a_minute_per_ip_address_before_authentication(db, settings):
    settings.RATE_LIMIT_IP = 60
    client, address = ApiKeyClient(), fresh_address()
    responses = [client.get("/api/v1/ping", REMOTE_ADDR=address) for _ in range(61)]
    assert [response.status_code for response in responses] == [401] * 60 + [429]
    assert responses[0]["X-RateLimit-Limit"] == "60"
    assert [int(response["X-RateLimit-Remaining"]) for response in responses[:60]] == list(range(59, -1, -1))
    last = responses[-1]
    assert set(last.json()) == {"error"}
    assert (last["X-Error-Code"], last["X-RateLimit-Limit"], last["X-RateLimit-Remaining"]) == (
        "rate_limited",
        "60",
        "0",
    )
    assert int(last["Retry-After"]) >= 1
    assert abs(int(last["X-RateLimit-Reset"]) - time.time() - int(last["Retry-After"])) <= 2


def test_a_client_that_waits_for_retry_after_is_served(db, settings, monkeypatch):
    """At any time in the window, Retry-After and X-RateLimit-Reset name the first second at which a call is served."""
    settings.RATE_LIMIT_IP = 1
    monkeypatch.setattr("django_ratelimit.core._get_window", GET_WINDOW)
    for start in range(0, 60, 7):
        client, address = ApiKeyClient(), fresh_address()
        with time_machine.travel(1_800_000_000 + start, tick=False) as clock:
            assert client.get("/api/v1/ping", REMOTE_ADDR=address).status_code == 401
            refused = client.get("/api/v1/ping", REMOTE_ADDR=address)
            wait = int(refused["Retry-After"])
            assert int(refused["X-RateLimit-Reset"]) == 1_800_000_000 + start + wait
            clock.shift(wait - 1)
            assert client.get("/api/v1/ping", REMOTE_ADDR=address).status_code == 429
            clock.shift(1)
            assert client.get("/api/v1/ping", REMOTE_ADDR=address).status_code == 401


def test_every_kind_of_call_counts_towards_the_ip_limit(tenants, api_client, settings):
    settings.RATE_LIMIT_IP = 5
    address = fresh_address()
    for path in ("ping", "nothing", "openapi.json", "leads?limit=x", "brands"):
        assert api_client.get(f"/api/v1/{path}", REMOTE_ADDR=address).status_code != 429
    for path in ("ping", "nothing", "openapi.json"):
        assert api_client.get(f"/api/v1/{path}", REMOTE_ADDR=address).status_code == 429
    assert api_client.options("/api/v1/ping", REMOTE_ADDR=address).status_code == 204
    assert api_client.get("/api/v1/ping", REMOTE_ADDR=fresh_address()).status_code == 200


PER_KEY = [("read", "RATE_LIMIT_READ_KEY", 6000), ("write", "RATE_LIMIT_WRITE_KEY", 600)]


@pytest.mark.parametrize(("scope", "setting", "promised"), PER_KEY)
def test_each_key_has_the_documented_limit(tenants, api_client_for, settings, scope, setting, promised):
    from praxtalk import settings as module

    assert getattr(module, setting) == promised
    setattr(settings, setting, 7)
    client = api_client_for(tenants.acme, scope)
    responses = [client.get("/api/v1/ping", REMOTE_ADDR=fresh_address()) for _ in range(8)]
    assert [response.status_code for response in responses] == [200] * 7 + [429]
    assert responses[0]["X-RateLimit-Limit"] == "7"
    assert responses[6]["X-RateLimit-Remaining"] == responses[7]["X-RateLimit-Remaining"] == "0"
    assert int(responses[7]["Retry-After"]) >= 1
    assert api_client_for(tenants.acme, scope).get("/api/v1/ping").status_code == 200


def test_exactly_600_calls_of_a_write_key_are_served(tenants, api_client_for, settings):
    settings.RATE_LIMIT_WRITE_KEY = 600
    client = api_client_for(tenants.acme)
    codes = [client.get("/api/v1/ping").status_code for _ in range(601)]
    assert codes == [200] * 600 + [429]


def test_headers_report_the_most_restrictive_limit(tenants, api_client_for, settings):
    settings.RATE_LIMIT_IP, settings.RATE_LIMIT_WRITE_KEY = 50, 20
    client, address = api_client_for(tenants.acme), fresh_address()
    assert client.get("/api/v1/ping", REMOTE_ADDR=address)["X-RateLimit-Limit"] == "20"
    settings.RATE_LIMIT_WRITE_KEY = 600
    assert client.get("/api/v1/ping", REMOTE_ADDR=address)["X-RateLimit-Limit"] == "50"


def test_an_allowlisted_address_skips_the_ip_limit_and_is_not_counted(tenants, api_client_for, settings):
    settings.RATE_LIMIT_IP = 3
    address = fresh_address()
    listed, other = api_client_for(tenants.acme, allowed_cidrs=[f"{address}/32"]), api_client_for(tenants.acme)
    assert {listed.get("/api/v1/ping", REMOTE_ADDR=address).status_code for _ in range(5)} == {200}
    codes = [other.get("/api/v1/ping", REMOTE_ADDR=address).status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    assert listed.get("/api/v1/ping", REMOTE_ADDR=address).status_code == 200


def test_ipv6_addresses_are_counted_by_64_bit_prefix(db, settings):
    settings.RATE_LIMIT_IP = 3
    block, client = f"2001:db8:{next(_hosts) & 0xFFFF:x}:{next(_hosts) & 0xFFFF:x}", ApiKeyClient()
    codes = [client.get("/api/v1/ping", REMOTE_ADDR=f"{block}::{number}").status_code for number in range(1, 5)]
    assert codes == [401, 401, 401, 429]
    assert client.get("/api/v1/ping", REMOTE_ADDR=f"2001:db9:{block.split(':')[2]}::1").status_code == 401


def test_behind_trusted_proxies_the_clients_address_is_counted(db, settings):
    import ipaddress

    settings.RATE_LIMIT_IP = 2
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("fd00::/8")]
    first, second, client = fresh_address(), fresh_address(), ApiKeyClient()

    def request(forwarded, peer="127.0.0.1"):
        return client.get("/api/v1/ping", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded).status_code

    assert [request(f"{first}, fd00::1"), request(f"1.2.3.4, {first}"), request(first)] == [401, 401, 429]
    assert [request(second), request(f"{first}, {second}")] == [401, 401]
    outsider = fresh_address()
    assert [request(fresh_address(), peer=outsider) for _ in range(3)] == [401, 401, 429]


def test_a_call_refused_by_the_ip_limit_does_not_count_for_the_key(tenants, api_client_for, settings):
    settings.RATE_LIMIT_IP, settings.RATE_LIMIT_WRITE_KEY = 2, 3
    client, address = api_client_for(tenants.acme), fresh_address()
    codes = [client.get("/api/v1/ping", REMOTE_ADDR=address).status_code for _ in range(5)]
    assert codes == [200, 200, 429, 429, 429]
    responses = [client.get("/api/v1/ping", REMOTE_ADDR=fresh_address()) for _ in range(2)]
    assert [response.status_code for response in responses] == [200, 429]
    assert responses[1]["X-RateLimit-Limit"] == "3"


def test_a_call_at_the_start_of_a_new_window_is_counted(tenants, api_client_for, settings, monkeypatch):
    """It counts even if the window changes between building the cache keys and counting."""
    settings.RATE_LIMIT_WRITE_KEY, windows = 3, itertools.count(2_000_000_000)
    monkeypatch.setattr("django_ratelimit.core._get_window", lambda value, period: next(windows))
    client = api_client_for(tenants.acme)
    responses = [client.get("/api/v1/ping", REMOTE_ADDR=fresh_address()) for _ in range(4)]
    assert {response.status_code for response in responses} == {200}
    assert {response["X-RateLimit-Remaining"] for response in responses} == {"2"}


def test_without_valkey_the_api_keeps_serving(tenants, api_client, settings):
    """The fake Valkey accepts connections but never responds."""
    settings.RATE_LIMIT_IP = 1
    with socket.create_server(("127.0.0.1", 0)) as silent:
        limits = settings.CACHES["limits"] | {"LOCATION": f"redis://127.0.0.1:{silent.getsockname()[1]}/0"}
        settings.CACHES = settings.CACHES | {"limits": limits}
        responses = [api_client.get("/api/v1/ping") for _ in range(3)]
        assert [response.status_code for response in responses] == [200] * 3
        assert "X-RateLimit-Limit" not in responses[0]
        silent.settimeout(0)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):  # after the first failure, the circuit breaker opens for five seconds
            silent.accept()
