"""Signing secrets: encrypted, rotated without a moment in which a receiver refuses."""

import io
import json
import subprocess
from datetime import timedelta

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from integrations.actions.subscriptions import (
    NothingToPromote,
    OldSecretStillSigns,
    forget_ended_secrets,
    promote_secret,
    retire_secret,
    rotate_secret,
)
from integrations.models import Attempt, Delivery
from leads.actions import create_lead
from praxtalk.core.api.models import IdempotencyRecord
from praxtalk.core.db import encryption
from praxtalk.core.db.encryption import decrypt, encrypt
from tests.webhooks.conftest import deliver_due
from tests.webhooks.receivers import receiver
from tests.webhooks.test_delivery import SEED_VERIFIERS


@pytest.fixture
def accepts(cast, tmp_path):
    """accepts(crm, secret): whether both seed verifiers, and the Standard Webhooks library, accept a delivery made now."""
    script = tmp_path / "verify.mjs"
    script.write_text(SEED_VERIFIERS)

    def check(crm, secret):
        create_lead(cast.acme.pk, name="Maya")
        deliver_due()
        request = crm.requests[-1]
        body = tmp_path / "body"
        body.write_bytes(request.body)
        header = request.headers["X-PraxTalk-Signature"]
        seeds = subprocess.run(["node", script, secret, header, body], check=False).returncode == 0
        try:
            standard = Webhook(secret).verify(request.body, request.headers) == json.loads(request.body)
        except WebhookVerificationError:
            standard = False
        return seeds, standard

    return check


def test_every_stage_of_a_rotation(cast, subscribe, accepts):
    """The seed's verifiers read the first v1 only, a Standard Webhooks library reads all of them."""
    with receiver() as crm, time_machine.travel(timezone.now()) as clock:
        webhook, old = subscribe(crm.url)
        assert accepts(crm, old) == (True, True)
        new = rotate_secret(webhook)
        assert (accepts(crm, old), accepts(crm, new)) == ((True, True), (False, True))
        promote_secret(webhook)
        promote_secret(webhook)  # again changes nothing
        assert (accepts(crm, old), accepts(crm, new)) == ((False, True), (True, True))
        clock.shift(timedelta(hours=24, minutes=1))
        assert (accepts(crm, old), accepts(crm, new)) == ((False, False), (True, True))
        assert crm.requests[-1].headers["X-PraxTalk-Signature"].count("v1=") == 1
        assert forget_ended_secrets() == 1
        webhook.refresh_from_db()
        assert webhook.encrypted_second_secret == ""
        assert decrypt(webhook.encrypted_secret) == new


def test_a_leaked_secret_is_retired_at_once(cast, subscribe, accepts):
    with receiver() as crm:
        webhook, old = subscribe(crm.url)
        new = rotate_secret(webhook)
        promote_secret(webhook)
        retire_secret(webhook)
        assert (accepts(crm, old), accepts(crm, new)) == ((False, False), (True, True))
        with pytest.raises(NothingToPromote):
            promote_secret(webhook)


def test_a_rotation_begun_again_replaces_the_new_secret(cast, subscribe):
    webhook, old = subscribe("http://127.0.0.1:9999/")
    first, second = rotate_secret(webhook), rotate_secret(webhook)
    webhook.refresh_from_db()
    assert [decrypt(each) for each in webhook.secrets_at(timezone.now())] == [old, second]
    assert first != second
    promote_secret(webhook)
    with pytest.raises(OldSecretStillSigns):
        rotate_secret(webhook)
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        rotate_secret(webhook)


@pytest.fixture
def keys(settings):
    """keys("k2", "k1"): ENCRYPTION_KEYS of these ids, newest first."""
    made = {"k1": settings.ENCRYPTION_KEYS.split(":", 1)[1].split(",")[0], "k2": Fernet.generate_key().decode()}
    first_id = settings.ENCRYPTION_KEYS.split(":", 1)[0]

    def choose(*ids):
        settings.ENCRYPTION_KEYS = ",".join(f"{first_id if each == 'k1' else each}:{made[each]}" for each in ids)
        encryption._ciphers.cache_clear()

    yield choose
    choose("k1")


def test_secrets_are_encrypted_anew(cast, subscribe, keys):
    webhook, old = subscribe("http://127.0.0.1:9999/")
    new = rotate_secret(webhook)
    stored = IdempotencyRecord.objects.create(
        workspace_id=cast.acme.pk, caller_id=cast.acme.pk, key="k", fingerprint=b"", body=encrypt("{}")
    )
    keys("k2", "k1")
    of_brands = 3
    again = [call_reencrypt(), call_reencrypt()]
    assert again == [f"Encrypted anew: {3 + of_brands}.\n", "Encrypted anew: 0.\n"]
    keys("k2")
    webhook.refresh_from_db()
    stored.refresh_from_db()
    assert [decrypt(each) for each in webhook.secrets_at(timezone.now())] == [old, new]
    assert decrypt(stored.body) == "{}"


def call_reencrypt():
    out = io.StringIO()
    call_command("reencrypt_secrets", stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_a_secret_without_its_key_is_said_and_nothing_is_lost(cast, subscribe, keys):
    with receiver() as crm:
        subscribe(crm.url)
        create_lead(cast.acme.pk, name="Maya")
        keys("k2")
        with pytest.raises(CommandError, match="4 could not be read"):
            call_reencrypt()
        deliver_due()
        assert crm.requests == []
        assert "ENCRYPTION_KEYS has no key" in Attempt.objects.get().error
        assert Delivery.objects.get().status == "pending"
        keys("k2", "k1")
        with time_machine.travel(timezone.now() + timedelta(minutes=1)):
            deliver_due()
    assert Delivery.objects.get().status == "succeeded"
