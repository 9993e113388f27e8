"""The status line decides how an attempt ends. A dead kept connection is no attempt."""

import asyncio
import time

import pytest

from integrations.models import Attempt, Delivery
from leads.actions import create_lead
from praxtalk.core.http import transport as authenticator
from praxtalk.core.http.transport import open_transport
from tests.webhooks.conftest import deliver_due
from tests.webhooks.receivers import CLOSE, RESET, raw_receiver, receiver

OK = b"HTTP/1.1 200 OK\r\n"
THANKS = OK + b"Content-Length: 6\r\n\r\nthanks"

ODD_ANSWERS = {
    "204 with a body": [b"HTTP/1.1 204 No Content\r\n\r\nthanks"],
    "204 with a body and its length": [b"HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\nthanks"],
    "204 with a body that comes later": [b"HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\n", 0.05, b"thanks"],
    "204 with a chunked body": [
        b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nthanks\r\n0\r\n\r\n"
    ],
    "a header line of 9,000 bytes": [OK + b"X-Trace: " + b"a" * 9000 + b"\r\nContent-Length: 0\r\n\r\n"],
    "a header line of 900,000 bytes": [OK + b"X-Trace: " + b"a" * 900_000 + b"\r\nContent-Length: 0\r\n\r\n"],
    "500 header lines": [OK + b"X-Trace: a\r\n" * 500 + b"Content-Length: 0\r\n\r\n"],
    "a header line that is none": [OK + b"what is this\r\nContent-Length: 0\r\n\r\n"],
    "two lengths": [OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
    "a length that is no number": [OK + b"Content-Length: six\r\n\r\nthanks"],
    "a body shorter than its length": [OK + b"Content-Length: 600\r\n\r\nthanks", CLOSE],
    "a body longer than its length": [OK + b"Content-Length: 2\r\n\r\nthanks"],
    "a wrong chunk": [OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nthanks"],
    "a wrong second chunk": [OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nth\r\n", 0.05, b"zz\r\n"],
    "gzip that is none": [OK + b"Content-Encoding: gzip\r\nContent-Length: 6\r\n\r\nthanks"],
    "an encoding that nobody knows": [OK + b"Content-Encoding: zzz\r\nContent-Length: 6\r\n\r\nthanks"],
    "early hints before it": [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 0.05, THANKS],
    "100 and 102 before it, 204 with a body": [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 204 OK\r\n\r\nthanks"
    ],
    "a reset after the headers": [OK + b"Content-Length: 6\r\n\r\n", 0.05, RESET],
    "a reset after the status line": [OK, 0.05, RESET],
    "the end after the status line": [OK, CLOSE],
    "HTTP/1.0, without a length": [b"HTTP/1.0 200 OK\r\n\r\nthanks", CLOSE],
    "no reason": [b"HTTP/1.1 201\r\nContent-Length: 0\r\n\r\n"],
}


def post(url, times=1, pause=0.0):
    async def run():
        async with open_transport() as transport:
            answers = []
            for number in range(times):
                answers.append(await transport.post(url, {}, b"%d" % number))
                await asyncio.sleep(pause)
            return answers

    return asyncio.run(run())


@pytest.mark.parametrize("name", ODD_ANSWERS)
def test_a_2xx_is_delivered_whatever_follows_its_status_line(name):
    with raw_receiver(ODD_ANSWERS[name]) as crm:
        started = time.monotonic()
        (answer,) = post(crm.url)
    assert (answer.is_success, answer.error) == (True, "")
    assert time.monotonic() - started < 2
    assert len(crm.bodies) == 1


@pytest.mark.parametrize("name", ODD_ANSWERS)
def test_other_statuses_are_kept_whatever_follows_them(name):
    steps = [
        step.replace(b" 200", b" 500").replace(b" 204", b" 500") if isinstance(step, bytes) else step
        for step in ODD_ANSWERS[name]
    ]
    with raw_receiver(steps) as crm:
        (answer,) = post(crm.url)
    assert answer.status_code == (201 if name == "no reason" else 500)


def test_a_body_that_drips_beyond_the_deadline_is_cut_off_and_delivered(monkeypatch):
    monkeypatch.setattr(authenticator, "DEADLINE_SECONDS", 1.0)
    monkeypatch.setattr(authenticator, "is_allowed_privately", lambda address: False)
    with receiver(answer=b"x" * 100, drip=0.2) as crm:
        (answer,) = post(crm.url)
    assert (answer.status_code, answer.error) == (200, "")
    assert answer.duration_ms < 2000
    assert 0 < len(answer.body) < 10


def test_headers_that_drip_beyond_the_deadline_are_cut_off_and_delivered(monkeypatch):
    monkeypatch.setattr(authenticator, "DEADLINE_SECONDS", 0.5)
    with raw_receiver([OK, 0.2, b"X-A: b\r\n", 0.2, b"X-B: c\r\n", 2.0, b"\r\n"]) as crm:
        (answer,) = post(crm.url)
    assert (answer.status_code, answer.error) == (200, "")
    assert answer.duration_ms < 1500


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 O", b"HTTP/1.1 20", b"HTTP/1.1 103 Early Hints\r\n\r\n", b""])
@pytest.mark.parametrize("end", [CLOSE, RESET])
def test_half_a_status_line_is_no_answer(start, end):
    with raw_receiver([start, end]) as crm:
        (answer,) = post(crm.url)
    assert (answer.status_code, bool(answer.error)) == (None, True)
    assert len(crm.bodies) == 1


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
def test_a_dead_kept_connection_is_no_attempt(name, pause):
    with raw_receiver(DEAD_CONNECTIONS[name], [THANKS]) as crm:
        started = time.monotonic()
        answers = post(crm.url, times=2, pause=pause)
    assert [answer.is_success for answer in answers] == [True, True]
    assert time.monotonic() - started < 2
    assert crm.bodies[-1] == b"1"
    assert crm.connections == 2


def test_a_new_connection_that_gives_no_answer_is_a_failed_attempt():
    with raw_receiver([THANKS, ..., CLOSE], [CLOSE]) as crm:
        answers = post(crm.url, times=2)
    assert [answer.status_code for answer in answers] == [200, None]
    assert crm.bodies == [b"0", b"1", b"1"]  # once on the kept connection, once on a new one, and no more


def test_a_good_connection_is_kept():
    with raw_receiver([THANKS, ..., THANKS, ..., b"HTTP/1.1 204 OK\r\n\r\n", ..., THANKS]) as crm:
        answers = post(crm.url, times=4)
    assert [answer.status_code for answer in answers] == [200, 200, 204, 200]
    assert crm.connections == 1


def test_a_delivery_with_an_odd_2xx_succeeds_at_once(cast, subscribe):
    with raw_receiver(ODD_ANSWERS["204 with a body"]) as crm:
        subscribe(crm.url)
        create_lead(cast.acme.pk, name="Maya")
        deliver_due()
    assert Delivery.objects.get().status == Delivery.Status.SUCCEEDED
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.status_code, attempt.error) == (Attempt.Outcome.SUCCEEDED, 204, "")
