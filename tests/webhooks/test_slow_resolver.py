"""Host names that resolve slowly, or not yet."""

import itertools
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from praxtalk.core.http import addresses
from praxtalk.core.http.addresses import ForbiddenUrl, check_url
from tests.webhooks.test_addresses import allow, connected_to, names, post

__all__ = ["allow", "connected_to", "names"]


def test_slow_resolver_neither_blocks_the_caller_nor_accumulates_threads(monkeypatch, names):
    monkeypatch.setattr(addresses, "RESOLVE_SECONDS", 0.1)
    quick, go_on, calls = socket.getaddrinfo, threading.Event(), itertools.count(1)

    def slow(*args, **kwargs):
        next(calls)
        go_on.wait(10)
        return quick(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    threads, started = threading.active_count(), time.monotonic()
    for _ in range(2 * addresses.MAX_LOOKUPS):
        # not resolved in time, so it is checked at each attempt
        assert check_url("https://localhost/") == "https://localhost/"
    assert time.monotonic() - started < 2 * addresses.MAX_LOOKUPS * 0.1 + 1
    assert threading.active_count() - threads <= addresses.MAX_LOOKUPS
    assert next(calls) == addresses.MAX_LOOKUPS + 1
    go_on.set()
    monkeypatch.setattr(addresses, "RESOLVE_SECONDS", 5)
    with pytest.raises(ForbiddenUrl):
        check_url("https://localhost/")


def test_slow_resolver_blocks_few_threads(monkeypatch, names):
    """Slow lookups block only one of three threads of a web process, so that sign-in, for example, works in the others."""
    monkeypatch.setattr(addresses, "RESOLVE_SECONDS", 2.0)
    go_on = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: go_on.wait(10) and [])

    def seconds_of_check(_):
        began = time.monotonic()
        check_url("https://localhost/")
        return time.monotonic() - began

    with ThreadPoolExecutor(6) as threads:
        seconds = sorted(threads.map(seconds_of_check, range(6)))
    go_on.set()
    assert seconds[-2] < 1.5 < seconds[-1]


def test_name_that_does_not_resolve_yet_is_accepted(monkeypatch):
    def unknown(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert check_url("https://tomorrow.example/") == "https://tomorrow.example/"
    assert post("https://tomorrow.example/").error.startswith("DNS")
