"""Who can read which thread: anonymous visitors, and persons identified by the site, on several devices.

These tests make the calls of widget.js; test_identity_in_a_browser.py tests the same guarantees in browsers.
"""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from conversations.actions import block_visitor, send_message
from conversations.models import Channel, Conversation, Message, Visitor
from data_requests.actions import erase_visitor_and_leads
from integrations.actions.api_keys import create_key
from integrations.models import Event
from praxtalk.core.live.results import FunctionError
from tests.conftest import make_conversation
from tests.sync.live_client import RequestFailed
from tests.widget.visitors import VisitorClient, client_id, identity_of
from widget.visitor_tokens import issue_token, visitors

pytestmark = pytest.mark.django_db


def identify(visitor_client, who, **details):
    """Identify the visitor as the widget does: send the browser's token, if any, and store the returned one."""
    identity = identity_of(visitor_client.brand, who, **details)
    response = visitor_client.post("identify", {"widgetId": visitor_client.brand.widget_id, **identity})
    assert response.status_code == 200, response.content
    visitor_client.token = response.json()["token"]
    return response.json()


def write_message(visitor_client, body, who=None):
    """Send a message, or the form if the browser has no token, with the identity if `who` is given."""
    if visitor_client.token:
        response = visitor_client.send_message(body)
    else:
        identity = {"identity": identity_of(visitor_client.brand, who)} if who else {}
        response = visitor_client.start(message=body, **identity)
    assert response.status_code == 201, response.content


def visible_bodies(visitor_client):
    return visitor_client.bodies() if visitor_client.token else []


def test_identifying_adopts_the_anonymous_thread(tenants):
    phone, laptop = VisitorClient(tenants.north), VisitorClient(tenants.north)
    write_message(phone, "before signing in")
    identify(phone, "anna", name="Anna", email="anna@site.example")
    write_message(phone, "after")
    identify(laptop, "anna")
    assert visible_bodies(phone) == visible_bodies(laptop) == ["before signing in", "after"]
    visitor = Visitor.objects.get()
    assert (visitor.external_id, visitor.name, visitor.email) == ("anna", "Anna", "anna@site.example")


def test_identifying_merges_the_anonymous_thread_into_the_persons_thread(tenants):
    phone, laptop = VisitorClient(tenants.north), VisitorClient(tenants.north)
    write_message(phone, "from the phone", "anna")
    write_message(laptop, "anonymous, from the laptop")
    identify(laptop, "anna")
    identify(phone, "anna")
    assert visible_bodies(laptop) == visible_bodies(phone) == ["from the phone", "anonymous, from the laptop"]
    assert Visitor.objects.count() == 1
    assert set(Conversation.objects.values_list("visitor__external_id", flat=True)) == {"anna"}


def test_thread_of_an_identified_person_is_not_adopted_by_another(tenants):
    visitor_client = VisitorClient(tenants.north)
    write_message(visitor_client, "Anna's words")
    identify(visitor_client, "anna")
    assert identify(visitor_client, "bert") == {"token": None, "visitor": None}
    assert Visitor.objects.get().external_id == "anna"
    write_message(visitor_client, "Bert's words", "bert")
    assert visible_bodies(visitor_client) == ["Bert's words"]
    other = VisitorClient(tenants.north)
    identify(other, "anna")
    assert visible_bodies(other) == ["Anna's words"]


def test_anonymous_token_is_revoked_when_the_visitor_is_identified(tenants):
    """A previous user of the browser who kept the token cannot read what the identified person writes."""
    visitor_client, before = VisitorClient(tenants.north), VisitorClient(tenants.north)
    write_message(visitor_client, "anonymous")
    before.token = visitor_client.token
    identify(visitor_client, "anna")
    write_message(visitor_client, "Anna's secret")
    assert before.thread().status_code == before.send_message("still me").status_code == 401
    with pytest.raises(RequestFailed, match="no longer available"):
        before.call_function("widget:thread")
    with pytest.raises(FunctionError):
        visitors.authenticate(before.token)
    assert visible_bodies(visitor_client) == ["anonymous", "Anna's secret"]


def test_token_of_a_merged_visitor_is_revoked(tenants):
    phone, laptop, before = (VisitorClient(tenants.north) for _ in range(3))
    write_message(phone, "from the phone", "anna")
    write_message(laptop, "from the laptop")
    before.token = laptop.token
    identify(laptop, "anna")
    assert before.thread().status_code == 401
    assert before.send_message("me again").status_code == 401
    assert before.post(
        "identify", {"widgetId": tenants.north.widget_id, **identity_of(tenants.north, "bert")}
    ).json() == {
        "token": None,
        "visitor": None,
    }


def test_merge_moves_everything_and_emits_events(tenants):
    phone, laptop = VisitorClient(tenants.north), VisitorClient(tenants.north)
    write_message(phone, "from the phone", "anna")
    laptop.start(message="from the laptop", phone="+49 30 1", locale="de")
    source = Visitor.objects.get(external_id=None)
    conversation = Conversation.objects.get(visitor=source)
    before = conversation.updated_at
    identify(laptop, "anna")
    conversation.refresh_from_db()
    assert conversation.visitor.external_id == "anna"
    assert conversation.updated_at > before
    assert conversation.visitor.phone == "+49 30 1"
    assert conversation.visitor.locale == "de"
    assert not Visitor.objects.filter(pk=source.pk).exists()
    _, secret = create_key(tenants.acme, name="CRM", scope="read")
    response = laptop.http.get(
        f"/api/v1/conversations/{conversation.pk}", headers={"Authorization": f"Bearer {secret}"}
    )
    assert response.json()["conversation"]["visitor"]["_id"] == str(conversation.visitor_id)


def test_block_stays_after_identifying(tenants):
    phone, laptop = VisitorClient(tenants.north), VisitorClient(tenants.north)
    write_message(phone, "from the phone", "anna")
    write_message(laptop, "rude words")
    block_visitor(Conversation.objects.get(visitor__external_id=None), is_blocked=True)
    identify(laptop, "anna")
    assert laptop.send_message("more of them").json()["code"] == "blocked"


def test_identifying_updates_given_details_and_keeps_omitted_ones(tenants):
    visitor_client = VisitorClient(tenants.north)
    write_message(visitor_client, "Hello", "u1")
    identify(visitor_client, "u1", name="Anna", email="anna@old.example", phone="1")
    identify(visitor_client, "u1", name="Anna B.", email="anna@new.example")
    visitor = Visitor.objects.get()
    assert (visitor.name, visitor.email, visitor.phone) == ("Anna B.", "anna@new.example", "1")


def test_token_of_another_brand_or_workspace_is_ignored_when_identifying(tenants):
    for other in (tenants.south, tenants.west):
        stranger = VisitorClient(other)
        write_message(stranger, "elsewhere")
        north = VisitorClient(tenants.north)
        north.token = stranger.token
        assert identify(north, "anna") == {"token": None, "visitor": None}
        assert visible_bodies(stranger) == ["elsewhere"]
    assert not Visitor.objects.filter(external_id="anna").exists()


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "\x00", "é" * 3000])
def test_invalid_token_is_ignored_when_identifying(tenants, token):
    visitor_client = VisitorClient(tenants.north)
    visitor_client.token = token
    assert identify(visitor_client, "anna") == {"token": None, "visitor": None}


def test_identifying_is_idempotent(tenants):
    phone, laptop = VisitorClient(tenants.north), VisitorClient(tenants.north)
    write_message(phone, "one")
    for _ in range(3):
        identify(phone, "anna")
        identify(laptop, "anna")
    assert visible_bodies(phone) == visible_bodies(laptop) == ["one"]
    assert (Visitor.objects.count(), Conversation.objects.count()) == (1, 1)


def test_reply_after_a_merge_reaches_the_person(tenants):
    phone, laptop = VisitorClient(tenants.north), VisitorClient(tenants.north)
    write_message(phone, "from the phone", "anna")
    write_message(laptop, "from the laptop")
    conversation = Conversation.objects.get(visitor__external_id=None)
    identify(laptop, "anna")
    send_message(
        conversation, role=Message.Role.OPERATOR, body="We are here", channel=Channel.DASHBOARD, author=tenants.alice
    )
    assert visible_bodies(phone) == ["from the phone", "from the laptop", "We are here"]


@pytest.mark.django_db(transaction=True)
def test_devices_identifying_a_new_id_at_the_same_time_share_one_thread(tenants):
    browsers = [VisitorClient(tenants.north) for _ in range(4)]
    for number, visitor_client in enumerate(browsers):
        write_message(visitor_client, f"from device {number}")

    def run(visitor_client):
        identify(visitor_client, "anna")
        connection.close()

    threads = [threading.Thread(target=run, args=[visitor_client]) for visitor_client in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for visitor_client in browsers:
        identify(visitor_client, "anna")
        assert sorted(visible_bodies(visitor_client)) == [f"from device {number}" for number in range(4)]
    assert Visitor.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_messages_written_during_a_merge_are_not_lost(tenants):
    phone, laptop = VisitorClient(tenants.north), VisitorClient(tenants.north)
    write_message(phone, "first", "anna")
    write_message(laptop, "anonymous")
    before = VisitorClient(tenants.north)
    before.token = laptop.token
    accepted = []

    def write_repeatedly():
        for number in range(30):
            response = before.post(
                "messages", {"widgetId": tenants.north.widget_id, "body": f"word {number}", "clientId": client_id()}
            )
            assert response.status_code in (201, 401), response.content
            if response.status_code == 201:
                accepted.append(f"word {number}")
        connection.close()

    thread = threading.Thread(target=write_repeatedly)
    thread.start()
    while len(accepted) < 3:
        pass
    identify(laptop, "anna")
    thread.join()
    assert 3 <= len(accepted) < 30
    assert [body for body in visible_bodies(laptop) if body.startswith("word")] == accepted


def test_conversation_of_another_visitor_is_never_adopted(tenants):
    make_conversation(tenants.north, body="somebody else's")
    visitor_client = VisitorClient(tenants.north)
    identify(visitor_client, "anna")
    write_message(visitor_client, "Anna's", "anna")
    assert visible_bodies(visitor_client) == ["Anna's"]


def test_tokens_of_an_identified_visitor_stay_valid(tenants):
    visitor_client = VisitorClient(tenants.north)
    write_message(visitor_client, "Hello", "anna")
    visitor_client.token = issue_token(Visitor.objects.get())
    assert visible_bodies(visitor_client) == ["Hello"]


def test_erasure_after_a_merge_deletes_the_events_of_both_visitors(tenants):
    phone, laptop = VisitorClient(tenants.north), VisitorClient(tenants.north)
    write_message(laptop, "anonymous, and first")
    write_message(phone, "from the phone", "anna")
    Event.objects.update(created_at=F("created_at") - timedelta(hours=2))
    Visitor.objects.filter(external_id=None).update(created_at=timezone.now() - timedelta(hours=3))
    identify(laptop, "anna")
    assert Event.objects.exists()
    erase_visitor_and_leads(Visitor.objects.get())
    assert not Event.objects.exists()
    assert not Conversation.objects.exists()


def test_message_resent_after_a_merge_is_stored_once(tenants):
    phone, laptop = VisitorClient(tenants.north), VisitorClient(tenants.north)
    write_message(laptop, "anonymous")
    name = client_id()
    assert laptop.post("messages", message_form(tenants, "was it sent?", name)).status_code == 201
    write_message(phone, "newer, from the phone", "anna")
    identify(laptop, "anna")
    assert laptop.post("messages", message_form(tenants, "was it sent?", name)).status_code == 201
    assert visible_bodies(laptop).count("was it sent?") == 1


def message_form(tenants, body, name):
    return {"widgetId": tenants.north.widget_id, "body": body, "clientId": name}


def test_token_of_an_erased_visitor_is_rejected(tenants):
    visitor_client = VisitorClient(tenants.north)
    write_message(visitor_client, "Hello")
    assert visitor_client.call_function("widget:tell", timeZone="Asia/Tokyo") == {"ok": True}
    erase_visitor_and_leads(Visitor.objects.get())
    with pytest.raises(RequestFailed, match="no longer available"):
        visitor_client.call_function("widget:tell", timeZone="Asia/Tokyo")
