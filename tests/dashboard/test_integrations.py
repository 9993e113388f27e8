"""/app/integrations without JavaScript: everything works with plain forms."""

import ipaddress
import re

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, OperatorSession
from accounts.operator_tokens import operators
from integrations.actions.subscriptions import rotate_secret
from integrations.models import ApiKey, Delivery, Replay, WebhookSubscription
from leads.models import Lead
from praxtalk.core.db.encryption import decrypt
from tests.conftest import ApiKeyClient
from tests.webhooks.conftest import deliver_due
from tests.webhooks.receivers import receiver

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def client_of_alice(client, tenants, settings):
    settings.WEBHOOK_ALLOW_CIDRS = [ipaddress.ip_network("127.0.0.0/8")]
    client.force_login(tenants.alice)
    return client


def find_secret(response, start):
    return re.search(rf"{start}[\w+/=.-]+", response.content.decode())[0]


def post(client, path, **form):
    return client.post(f"/app/integrations/{path}", form)


KEY = {"name": "CRM", "scope": "write", "expires": "30", "allowed_cidrs": "127.0.0.1\n10.0.0.0/8"}


def test_a_key_is_shown_once_and_works_until_it_is_revoked(client, tenants):
    response = post(client, "keys/", **KEY)
    secret = find_secret(response, "ptk_live_")
    assert "no-store" in response["Cache-Control"]
    key = ApiKey.objects.get()
    assert key.created_by == tenants.alice
    assert key.allowed_cidrs == ["127.0.0.1/32", "10.0.0.0/8"]
    assert 29 <= (key.expires_at - timezone.now()).days <= 30
    assert ApiKeyClient(secret).get("/api/v1/ping", REMOTE_ADDR="127.0.0.1").status_code == 200
    assert secret not in client.get("/app/integrations/keys/").content.decode()
    assert "Revoke" in client.get(f"/app/integrations/keys/{key.pk}/revoke/").content.decode()
    assert post(client, f"keys/{key.pk}/revoke/").status_code == 302
    assert ApiKeyClient(secret).get("/api/v1/ping", REMOTE_ADDR="127.0.0.1").status_code == 401
    assert post(client, f"keys/{key.pk}/revoke/").status_code == 302  # revoking twice does no harm
    actions = AuditEntry.objects.filter(operator=tenants.alice).order_by("created_at").values_list("action", flat=True)
    assert list(actions) == ["api_key.created", "api_key.revoked"]


@pytest.mark.parametrize(
    ("path", "form", "rows"),
    [
        ("keys/", KEY, ApiKey),
        ("webhooks/", {"url": "http://127.0.0.1:9999/", "events": ["lead.created"]}, WebhookSubscription),
        ("sdk/", {"hours": "1"}, OperatorSession),
    ],
    ids=["key", "webhook", "token"],
)
def test_reloading_the_page_of_a_new_secret_creates_no_second_one(client, tenants, path, form, rows):
    form = dict(form, operator=str(tenants.alice.pk))
    page = client.get(f"/app/integrations/{path}").content.decode()
    form_id = re.search(r'name="form_id" value="(\w+)"', page)[1]
    assert post(client, path, **form, form_id=form_id).status_code == 200
    again = client.post(f"/app/integrations/{path}", dict(form, form_id=form_id), follow=True)
    assert again.redirect_chain
    assert "This form has already been submitted" in again.content.decode()
    assert rows.objects.count() == 1
    assert post(client, path, **form, form_id="another").status_code == 200
    assert rows.objects.count() == 2


def test_reloading_the_page_does_not_rotate_the_secret_again(client, tenants):
    webhook, _ = create_webhook(client)
    page = client.get(f"/app/integrations/webhooks/{webhook.pk}/").content.decode()
    form_id = re.search(r'rotate/">.*?name="form_id" value="(\w+)"', page)[1]
    secret = find_secret(post(client, f"webhooks/{webhook.pk}/rotate/", form_id=form_id), "whsec_")
    assert post(client, f"webhooks/{webhook.pk}/rotate/", form_id=form_id).status_code == 302
    revealed = post(client, f"webhooks/{webhook.pk}/secret/", password="wonder-land-9").content.decode()
    assert secret in revealed


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "\u200b"},
        {"name": "two\r\nlines"},
        {"name": "x" * 101},
        {"name": "a\x00b"},
        {"scope": "admin"},
        {"allowed_cidrs": "10.0.0.1/8"},
        {"allowed_cidrs": "everywhere"},
        {"allowed_cidrs": "\n".join(f"10.0.0.{number}" for number in range(60))},
        {"expires": "7"},
        {"brand": "1"},
    ],
)
def test_an_invalid_key_form_is_refused_and_keeps_its_input(client, wrong):
    response = post(client, "keys/", **KEY | wrong)
    assert response.status_code == 422
    assert 'class="errorlist"' in response.content.decode()
    if wrong.get("name") is None:
        assert 'value="CRM"' in response.content.decode()
    assert ApiKey.objects.count() == 0


WEBHOOK = {"url": "http://127.0.0.1:9999/hook", "events": ["lead.created", "message.created"], "description": "CRM"}


def create_webhook(client, **form):
    response = post(client, "webhooks/", **WEBHOOK | form)
    return WebhookSubscription.objects.get(), find_secret(response, "whsec_")


def test_a_webhook_can_be_created_changed_paused_resumed_and_deleted(client, tenants):
    webhook, secret = create_webhook(client, brand=str(tenants.north.pk))
    assert (webhook.brand, webhook.events) == (tenants.north, ["lead.created", "message.created"])
    assert decrypt(webhook.encrypted_secret) == secret
    path = f"webhooks/{webhook.pk}/"
    assert secret not in client.get(f"/app/integrations/{path}").content.decode()
    assert post(client, path, url="http://127.0.0.1:9998/", events=["lead.created"]).status_code == 302
    webhook.refresh_from_db()
    assert (webhook.url, webhook.events, webhook.description) == ("http://127.0.0.1:9998/", ["lead.created"], "")
    assert webhook.brand == tenants.north  # the brand cannot be changed
    post(client, f"{path}pause/", events="drop")
    webhook.refresh_from_db()
    assert (webhook.status, webhook.holds_events) == ("paused", False)
    post(client, f"{path}resume/")
    post(client, f"{path}pause/", events="keep")
    webhook.refresh_from_db()
    assert (webhook.status, webhook.holds_events) == ("paused", True)
    post(client, f"{path}resume/")
    webhook.refresh_from_db()
    assert webhook.is_active
    assert post(client, f"{path}delete/").status_code == 302
    assert WebhookSubscription.objects.count() == 0
    assert post(client, f"{path}delete/").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": ""},
        {"url": "http://10.0.0.1/"},
        {"url": "ftp://x.example/"},
        {"url": "javascript:alert(1)"},
        {"url": "https://x.example/" + "a" * 3000},
        {"events": []},
        {"events": ["lead.deleted"]},
        {"description": "x" * 201},
    ],
)
def test_an_invalid_webhook_is_refused(client, wrong):
    assert post(client, "webhooks/", **WEBHOOK | wrong).status_code == 422
    assert WebhookSubscription.objects.count() == 0


def test_revealing_a_webhook_secret_needs_the_password(client):
    webhook, secret = create_webhook(client)
    path = f"webhooks/{webhook.pk}/secret/"
    assert secret not in post(client, path, password="wrong").content.decode()
    response = post(client, path, password="wonder-land-9")
    assert find_secret(response, "whsec_") == secret
    assert "no-store" in response["Cache-Control"]
    assert AuditEntry.objects.filter(action="webhook.secret_shown").count() == 1


def test_a_webhook_secret_can_be_rotated_promoted_and_retired(client):
    webhook, secret = create_webhook(client)
    path = f"webhooks/{webhook.pk}/"
    post(client, f"{path}promote/")  # there is nothing to promote, and the page shows that
    new = find_secret(post(client, f"{path}rotate/"), "whsec_")
    assert new != secret
    webhook.refresh_from_db()
    assert [decrypt(one) for one in webhook.secrets_at(timezone.now())] == [secret, new]
    post(client, f"{path}promote/")
    webhook.refresh_from_db()
    assert [decrypt(one) for one in webhook.secrets_at(timezone.now())] == [new, secret]
    post(client, f"{path}rotate/")  # refused, because the old secret still signs
    post(client, f"{path}retire/")
    webhook.refresh_from_db()
    assert [decrypt(one) for one in webhook.secrets_at(timezone.now())] == [new]
    assert rotate_secret(webhook)
    assert post(client, f"{path}explode/").status_code == 404


def test_sending_a_test_event_reports_the_receivers_response(client):
    with receiver(status=503) as inbox:
        webhook, _ = create_webhook(client, url=inbox.url)
        page = post(client, f"webhooks/{webhook.pk}/test/").content.decode()
        assert "could not be delivered" in page
        assert "status 503" in page
        inbox.status = 200
        assert "was delivered" in post(client, f"webhooks/{webhook.pk}/test/").content.decode()
        assert inbox.requests[0].headers["X-PraxTalk-Event"] == "ping"
    webhook.refresh_from_db()
    assert webhook.verified_at


def test_the_event_log_shows_attempts_and_can_retry_a_delivery(client, tenants):
    with receiver(status=500) as inbox:
        webhook, _ = create_webhook(client, url=inbox.url)
        client.post("/app/leads/add/", {"name": "Maya", "status": "new"})
        delivery = Delivery.objects.get()
        deliver_due()
        log = client.get("/app/integrations/events/").content.decode()
        assert "1/6" in log
        assert "500" in log
        page = client.get(f"/app/integrations/events/{delivery.pk}/").content.decode()
        assert "&quot;name&quot;: &quot;Maya&quot;" in page
        assert "X-PraxTalk-Signature: t=" in page
        assert "curl -X POST" in page
        inbox.status = 200
        post(client, f"events/{delivery.pk}/retry/")
        deliver_due()
    delivery.refresh_from_db()
    assert delivery.status == "succeeded"
    for query, is_there in (("status=succeeded", True), ("status=failed", False), ("event=lead.created", True)):
        page = client.get(f"/app/integrations/events/?{query}&webhook={webhook.pk}").content.decode()
        assert (str(delivery.pk) in page) == is_there
    post(client, f"webhooks/{webhook.pk}/pause/", events="keep")
    response = client.post(f"/app/integrations/events/{delivery.pk}/retry/", follow=True)
    assert "The webhook is paused" in response.content.decode()


def test_the_event_log_is_paginated(client, tenants):
    webhook, _ = create_webhook(client)
    for number in range(55):
        client.post("/app/leads/add/", {"name": f"Lead {number}", "status": "new"})
    first = client.get("/app/integrations/events/").content.decode()
    older = re.search(r'href="\?([^"]+)">Older', first)[1].replace("&amp;", "&")
    second = client.get(f"/app/integrations/events/?{older}").content.decode()
    ids = [set(re.findall(r"events/([0-9a-f-]{36})/\"", page)) for page in (first, second)]
    assert [len(each) for each in ids] == [50, 5]
    assert not ids[0] & ids[1]
    assert webhook.deliveries.count() == 55


def test_a_replay_resends_failed_deliveries_and_shows_its_progress(client):
    webhook, _ = create_webhook(client)
    client.post("/app/leads/add/", {"name": "Maya", "status": "new"})
    Delivery.objects.update(status="failed", attempts_made=6)
    response = post(client, f"webhooks/{webhook.pk}/replay/", what="failed")
    replay = Replay.objects.get()
    assert response["Location"] == f"/app/integrations/replays/{replay.pk}/"
    page = client.get(response["Location"]).content.decode()
    assert "0 of 1" in page
    assert "<progress" in page
    wrong = post(
        client, f"webhooks/{webhook.pk}/replay/", what="failed", since="2027-01-02T00:00", until="2027-01-01T00:00"
    )
    assert "Must not be later" in wrong.content.decode()
    assert Replay.objects.count() == 1


def test_an_operator_token_is_shown_once_and_can_be_revoked(client, tenants):
    page = client.get("/app/integrations/sdk/").content.decode()
    assert "new ConvexClient(&quot;http" in page
    response = post(client, "sdk/", operator=str(tenants.bob.pk), hours="4")
    token = find_secret(response, "eyJ")
    caller = operators.authenticate(token)
    assert (caller.operator_id, caller.source) == (tenants.bob.pk, "api")
    assert token not in client.get("/app/integrations/sdk/").content.decode()
    session = OperatorSession.objects.get()
    assert post(client, f"sdk/{session.pk}/revoke/").status_code == 302
    session.refresh_from_db()
    assert session.revoked_at
    assert post(client, "sdk/", operator=str(tenants.mallory.pk), hours="4").status_code == 422


def test_long_lists_need_a_bounded_number_of_queries(client, tenants, django_assert_max_num_queries):
    webhook, _ = create_webhook(client)
    for number in range(30):
        client.post("/app/leads/add/", {"name": f"Lead {number}", "status": "new"})
        post(client, "keys/", **KEY | {"name": f"Key {number}"})
    for path, most in (("keys/", 6), ("webhooks/", 6), ("events/", 8), (f"webhooks/{webhook.pk}/", 8)):
        with django_assert_max_num_queries(most):
            assert client.get(f"/app/integrations/{path}").status_code == 200
    assert (ApiKey.objects.count(), Lead.objects.count()) == (30, 30)
