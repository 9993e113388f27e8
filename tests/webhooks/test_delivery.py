"""A delivery from due to finished: the request, the six attempts, leases."""

import json
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from integrations.management.commands.receive_webhooks import verify
from integrations.models import Attempt, Delivery, Event, EventName
from integrations.webhooks import delivery as delivery_module
from integrations.webhooks.delivery import LEASE, MAX_IN_FLIGHT, RETRY_DELAYS
from integrations.webhooks.leases import claim, release_expired
from integrations.webhooks.results import FinishedAttempt
from integrations.webhooks.results import store_results as store_batch
from integrations.webhooks.signature import signature
from leads.actions import create_lead
from praxtalk.core.db.encryption import decrypt
from praxtalk.core.http.results import PostResult
from tests.webhooks.conftest import deliver_due
from tests.webhooks.receivers import receiver

OK = PostResult(200, 5)


def store_results(claimed, result):
    return store_batch([FinishedAttempt(claimed, result)]) == {claimed.delivery_id}


def test_request_has_the_documented_body_headers_and_signature(tenants, subscribe):
    with receiver() as endpoint:
        _, secret = subscribe(endpoint.url)
        create_lead(tenants.acme.pk, name="Maya", brand=tenants.north)
        deliver_due()
        (request,) = endpoint.requests
    event, delivery = Event.objects.get(), Delivery.objects.get()
    assert request.body == bytes(event.body)
    headers = request.headers
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["User-Agent"] == "PraxTalk-Webhooks/1"
    assert headers["X-PraxTalk-Event"] == "lead.created"
    assert headers["X-PraxTalk-Event-Id"] == headers["webhook-id"] == str(event.pk) == json.loads(request.body)["id"]
    assert headers["X-PraxTalk-Delivery"] == str(delivery.pk)
    assert headers["X-PraxTalk-Attempt"] == "1"
    assert verify(secret, headers["X-PraxTalk-Signature"], request.body)
    assert not verify(secret, headers["X-PraxTalk-Signature"], request.body + b" ")
    assert not verify("whsec_other", headers["X-PraxTalk-Signature"], request.body)
    assert Webhook(secret).verify(request.body, headers) == json.loads(request.body)
    assert (delivery.status, delivery.attempts_made, delivery.lease) == ("succeeded", 1, None)
    attempt = delivery.attempts.get()
    assert (attempt.outcome, attempt.status_code, attempt.address, attempt.trigger) == (
        "succeeded",
        200,
        "127.0.0.1",
        "schedule",
    )
    assert attempt.response_body == ""  # responses from private addresses are not stored


# The two signature verifiers printed in the original docs, as customers have copied them.
SEED_VERIFIERS = """
import crypto from "node:crypto";
import fs from "node:fs";
const [secret, header, file] = process.argv.slice(2);
const rawBody = fs.readFileSync(file);
function restPage(rawBody, header, secret) {
  const [tPart, v1Part] = header.split(",");
  const t = tPart.split("=")[1];
  const sig = v1Part.split("=")[1];
  const expected = crypto.createHmac("sha256", secret).update(`${t}.${rawBody}`).digest("hex");
  return crypto.timingSafeEqual(Buffer.from(expected, "hex"), Buffer.from(sig, "hex"));
}
function buildPage(secret, signatureHeader, rawBody) {
  const m = signatureHeader.match(/t=(\\d+),v1=([a-f0-9]+)/);
  if (!m) return false;
  const expected = crypto.createHmac("sha256", secret).update(`${m[1]}.${rawBody}`).digest("hex");
  return crypto.timingSafeEqual(Buffer.from(m[2]), Buffer.from(expected));
}
process.exit(restPage(rawBody, header, secret) && buildPage(secret, header, rawBody) ? 0 : 1);
"""


def test_both_published_verifiers_accept_the_signature():
    body = '{"name":"Aïcha \N{GRINNING FACE}","n":1}'.encode()
    with tempfile.TemporaryDirectory() as folder:
        script, file = Path(folder, "verify.mjs"), Path(folder, "body")
        script.write_text(SEED_VERIFIERS)
        file.write_bytes(body)
        header = signature(["whsec_c2VjcmV0"], 1795342515, body)
        check = lambda secret: subprocess.run(["node", script, secret, header, file], check=False).returncode  # noqa: E731
        assert check("whsec_c2VjcmV0") == 0
        assert check("whsec_b3RoZXI=") == 1


def test_delivery_fails_after_six_scheduled_attempts(tenants, subscribe):
    start = timezone.now()
    with receiver(status=500, response=b"broken") as endpoint, time_machine.travel(start, tick=False) as clock:
        subscribe(endpoint.url)
        create_lead(tenants.acme.pk, name="Maya")
        for step in [*RETRY_DELAYS, None]:
            deliver_due()
            delivery = Delivery.objects.get()
            if step is None:
                break
            pause = delivery.next_attempt_at - timezone.now()
            assert step <= pause <= step * 1.05
            clock.shift(pause - timedelta(seconds=1))
            assert deliver_due() == []
            clock.shift(timedelta(seconds=1))
        assert (delivery.status, delivery.attempts_made) == ("failed", 6)
        clock.shift(timedelta(days=2))
        assert deliver_due() == []
    assert len(endpoint.requests) == 6
    assert [request.headers["X-PraxTalk-Attempt"] for request in endpoint.requests] == list("123456")
    assert len({request.body for request in endpoint.requests}) == 1
    assert len({request.headers["X-PraxTalk-Signature"] for request in endpoint.requests}) == 6
    assert len({request.headers["X-PraxTalk-Delivery"] for request in endpoint.requests}) == 1
    assert [attempt.status_code for attempt in delivery.attempts.order_by("number")] == [500] * 6
    assert sum(RETRY_DELAYS, timedelta()) == timedelta(hours=7, minutes=12, seconds=30)


def test_delivery_succeeds_when_a_later_attempt_succeeds(tenants, subscribe):
    with receiver(status=503) as endpoint:
        subscribe(endpoint.url)
        create_lead(tenants.acme.pk, name="Maya")
        deliver_due()
        endpoint.status = 204
        with time_machine.travel(timezone.now() + timedelta(seconds=40)):
            deliver_due()
    assert Delivery.objects.get().status == "succeeded"
    assert [attempt.outcome for attempt in Attempt.objects.order_by("number")] == ["failed", "succeeded"]


@pytest.mark.parametrize("status", [199 + 1, 201, 204, 299])
def test_every_2xx_is_success(tenants, subscribe, status):
    with receiver(status=status, response=b"") as endpoint:
        subscribe(endpoint.url)
        create_lead(tenants.acme.pk, name="Maya")
        deliver_due()
    assert Delivery.objects.get().status == "succeeded"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 410, 429, 500, 503])
def test_other_status_is_a_failed_attempt_and_redirects_are_not_followed(tenants, subscribe, status):
    with receiver() as elsewhere, receiver(status=status, headers={"Location": elsewhere.url}) as endpoint:
        subscribe(endpoint.url)
        create_lead(tenants.acme.pk, name="Maya")
        deliver_due()
    assert Delivery.objects.get().status == "pending"
    assert (Attempt.objects.get().outcome, Attempt.objects.get().status_code) == ("failed", status)
    assert elsewhere.requests == []


def test_delivery_is_claimed_and_stored_only_once(tenants, subscribe):
    subscribe("http://127.0.0.1:9999/")
    create_lead(tenants.acme.pk, name="Maya")
    (claimed,) = claim(10)
    assert claim(10) == []
    assert Attempt.objects.get().outcome == "started"
    assert store_results(claimed, OK)
    assert not store_results(claimed, OK)


def test_at_most_8_deliveries_of_a_subscription_are_in_flight(tenants, subscribe):
    subscribe("http://127.0.0.1:9999/slow")
    subscribe("http://127.0.0.1:9999/other", events=[EventName.LEAD_CREATED])
    for _ in range(12):
        create_lead(tenants.acme.pk, name="Maya")
    claimed = claim(100)
    of_slow = [one for one in claimed if one.url.endswith("slow")]
    assert len(of_slow) == MAX_IN_FLIGHT
    assert len(claimed) == 2 * MAX_IN_FLIGHT
    store_results(of_slow[0], OK)
    assert len(claim(100)) == 1


def test_expired_lease_does_not_count_as_one_of_the_six_attempts(tenants, subscribe):
    subscribe("http://127.0.0.1:9999/")
    create_lead(tenants.acme.pk, name="Maya")
    (dead,) = claim(10)
    assert release_expired() == 0
    with time_machine.travel(timezone.now() + LEASE + timedelta(seconds=1)):
        assert release_expired() == 1
        (living,) = claim(10)
        assert living.number == 2
        assert not store_results(dead, OK)
        assert store_results(living, PostResult(None, 5, error="refused"))
    delivery = Delivery.objects.get()
    assert (delivery.attempts_made, delivery.interruptions) == (1, 1)
    assert [attempt.outcome for attempt in Attempt.objects.order_by("number")] == ["interrupted", "failed"]


def test_delivery_fails_after_five_interruptions(tenants, subscribe):
    subscribe("http://127.0.0.1:9999/")
    create_lead(tenants.acme.pk, name="Maya")
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(delivery_module.MAX_INTERRUPTIONS):
            assert len(claim(10)) == 1
            clock.shift(LEASE + timedelta(seconds=1))
            release_expired()
        assert claim(10) == []
    assert Delivery.objects.get().status == "failed"


def test_secrets_are_encrypted_at_rest(tenants, subscribe):
    subscription, secret = subscribe("http://127.0.0.1:9999/")
    subscription.refresh_from_db()
    assert secret.startswith("whsec_")
    assert secret not in subscription.encrypted_secret
    assert secret.removeprefix("whsec_") not in subscription.encrypted_secret
    assert decrypt(subscription.encrypted_secret) == secret
