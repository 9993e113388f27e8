"""The status line decides the outcome of an attempt. A stale keep-alive connection does not count as an attempt."""

import asyncio
import time

import pytest

from integrations.models import Attempt, Delivery
from leads.actions import create_lead
from praxtalk.core.http import transport as transport_module
from praxtalk.core.http.transport import open_transport
from tests.webhooks.conftest import deliver_due
from tests.webhooks.receivers import CLOSE, RESET, raw_receiver, receiver

OK = b"HTTP/1.1 200 OK\r\n"
THANKS = OK + b"Content-Length: 6\r\n\r\nthanks"

UNUSUAL_RESPONSES = {
    "204 with a body": [b"HTTP/1.1 204 No Content\r\n\r\nthanks"],
    "204 with a body and its length": [b"HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\nthanks"],
    "204 with a delayed body": [b"HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\n", 0.05, b"thanks"],
    "204 with a chunked body": [
        b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nthanks\r\n0\r\n\r\n"
    ],
    "a header line of 9,000 bytes": [OK + b"X-Trace: " + b"a" * 9000 + b"\r\nContent-Length: 0\r\n\r\n"],
    "a header line of 900,000 bytes": [OK + b"X-Trace: " + b"a" * 900_000 + b"\r\nContent-Length: 0\r\n\r\n"],
    "500 header lines": [OK + b"X-Trace: a\r\n" * 500 + b"Content-Length: 0\r\n\r\n"],
    "an invalid header line": [OK + b"what is this\r\nContent-Length: 0\r\n\r\n"],
    "two lengths": [OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
    "a non-numeric length": [OK + b"Content-Length: six\r\n\r\nthanks"],
    "a body shorter than its length": [OK + b"Content-Length: 600\r\n\r\nthanks", CLOSE],
    "a body longer than its length": [OK + b"Content-Length: 2\r\n\r\nthanks"],
    "a wrong chunk": [OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nthanks"],
    "a wrong second chunk": [OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nth\r\n", 0.05, b"zz\r\n"],
    "invalid gzip": [OK + b"Content-Encoding: gzip\r\nContent-Length: 6\r\n\r\nthanks"],
    "an unknown encoding": [OK + b"Content-Encoding: zzz\r\nContent-Length: 6\r\n\r\nthanks"],
    "early hints before it": [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 0.05, THANKS],
    "100 and 102 before it, 204 with a body": [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 204 OK\r\n\r\nthanks"
    ],
    "a reset after the headers": [OK + b"Content-Length: 6\r\n\r\n", 0.05, RESET],
    "a reset after the status line": [OK, 0.05, RESET],
    "closed after the status line": [OK, CLOSE],
    "HTTP/1.0, without a length": [b"HTTP/1.0 200 OK\r\n\r\nthanks", CLOSE],
    "no reason phrase": [b"HTTP/1.1 201\r\nContent-Length: 0\r\n\r\n"],
}


def post(url, times=1, pause=0.0):
    async def run():
        async with open_transport() as transport:
            results = []
            for number in range(times):
                results.append(await transport.post(url, {}, b"%d" % number))
                await asyncio.sleep(pause)
            return results

    return asyncio.run(run())


@pytest.mark.parametrize("name", UNUSUAL_RESPONSES)
def test_2xx_is_success_whatever_follows_its_status_line(name):
    with raw_receiver(UNUSUAL_RESPONSES[name]) as endpoint:
        started = time.monotonic()
        (result,) = post(endpoint.url)
    assert (result.is_success, result.error) == (True, "")
    assert time.monotonic() - started < 2
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize("name", UNUSUAL_RESPONSES)
def test_other_status_is_recorded_whatever_follows_it(monkeypatch, name):
    monkeypatch.setattr(transport_module, "DEADLINE_SECONDS", 1.0)  # two of them have a body without an end
    steps = [
        step.replace(b" 200", b" 500").replace(b" 204", b" 500") if isinstance(step, bytes) else step
        for step in UNUSUAL_RESPONSES[name]
    ]
    with raw_receiver(steps) as endpoint:
        (result,) = post(endpoint.url)
    assert result.status_code == (201 if name == "no reason phrase" else 500)


def test_slow_body_is_cut_off_at_the_deadline_and_counts_as_delivered(monkeypatch):
    monkeypatch.setattr(transport_module, "DEADLINE_SECONDS", 1.0)
    monkeypatch.setattr(transport_module, "is_in_allowed_cidrs", lambda address: False)
    with receiver(response=b"x" * 100, drip=0.2) as endpoint:
        (result,) = post(endpoint.url)
    assert (result.status_code, result.error) == (200, "")
    assert result.duration_ms < 2000
    assert 0 < len(result.body) < 10


def test_slow_headers_are_cut_off_at_the_deadline_and_count_as_delivered(monkeypatch):
    monkeypatch.setattr(transport_module, "DEADLINE_SECONDS", 0.5)
    with raw_receiver([OK, 0.2, b"X-A: b\r\n", 0.2, b"X-B: c\r\n", 2.0, b"\r\n"]) as endpoint:
        (result,) = post(endpoint.url)
    assert (result.status_code, result.error) == (200, "")
    assert result.duration_ms < 1500


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 O", b"HTTP/1.1 20", b"HTTP/1.1 103 Early Hints\r\n\r\n", b""])
@pytest.mark.parametrize("end", [CLOSE, RESET])
def test_incomplete_status_line_is_no_response(start, end):
    with raw_receiver([start, end]) as endpoint:
        (result,) = post(endpoint.url)
    assert (result.status_code, bool(result.error)) == (None, True)
    assert len(endpoint.bodies) == 1


DEAD_CONNECTIONS = {
    "closed at the next request": [THANKS, ..., CLOSE],
    "reset at the next request": [THANKS, ..., RESET],
    "closed while idle": [THANKS, 0.02, CLOSE],
    "reset while idle": [THANKS, 0.02, RESET],
    "a 408 while idle": [THANKS, 0.02, b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"],
    "a 408 at the next request": [
        THANKS,
        ...,
        b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        CLOSE,
    ],
    "the rest of a 204 while idle": [b"HTTP/1.1 204 OK\r\n\r\n", 0.02, b"thanks"],
    "the rest of a 204 at the next request": [b"HTTP/1.1 204 OK\r\n\r\n", ..., b"thanks"],
}


@pytest.mark.parametrize("pause", [0.0, 0.1])
@pytest.mark.parametrize("name", DEAD_CONNECTIONS)
def test_stale_keep_alive_connection_is_replaced_without_a_failed_attempt(name, pause):
    with raw_receiver(DEAD_CONNECTIONS[name], [THANKS]) as endpoint:
        started = time.monotonic()
        results = post(endpoint.url, times=2, pause=pause)
    assert [result.is_success for result in results] == [True, True]
    assert time.monotonic() - started < 2
    assert endpoint.bodies[-1] == b"1"
    assert endpoint.connections == 2


def test_new_connection_without_a_response_is_a_failed_attempt():
    with raw_receiver([THANKS, ..., CLOSE], [CLOSE]) as endpoint:
        results = post(endpoint.url, times=2)
    assert [result.status_code for result in results] == [200, None]
    assert endpoint.bodies == [b"0", b"1", b"1"]  # once on the kept connection and once on a new one


def test_healthy_connection_is_reused():
    with raw_receiver([THANKS, ..., THANKS, ..., b"HTTP/1.1 204 OK\r\n\r\n", ..., THANKS]) as endpoint:
        results = post(endpoint.url, times=4)
    assert [result.status_code for result in results] == [200, 200, 204, 200]
    assert endpoint.connections == 1


def test_delivery_with_an_unusual_2xx_succeeds_at_once(tenants, subscribe):
    with raw_receiver(UNUSUAL_RESPONSES["204 with a body"]) as endpoint:
        subscribe(endpoint.url)
        create_lead(tenants.acme.pk, name="Maya")
        deliver_due()
    assert Delivery.objects.get().status == Delivery.Status.SUCCEEDED
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.status_code, attempt.error) == (Attempt.Outcome.SUCCEEDED, 204, "")
