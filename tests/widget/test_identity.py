"""Who reads what: anonymous visitors, and persons whom the site identifies, on several devices.

The calls are those of widget.js; test_identity_in_a_browser.py holds the same promises in real browsers.
"""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from conversations.actions import block_visitor, send_message
from conversations.models import Channel, Conversation, Message, Visitor
from data_requests.actions import erase
from integrations.actions.api_keys import create_key
from integrations.models import Event
from praxtalk.core.live.results import FunctionError
from tests.conftest import make_talk
from tests.sync.live_client import Failed
from tests.widget.visitors import Browser, client_id, identity_of
from widget.visitor_tokens import issue_token, visitors

pytestmark = pytest.mark.django_db


def identify(browser, who, **details):
    """As the widget does: with the browser's token, if it has one, and it keeps what comes back."""
    identity = identity_of(browser.brand, who, **details)
    response = browser.post("identify", {"widgetId": browser.brand.widget_id, **identity})
    assert response.status_code == 200, response.content
    browser.token = response.json()["token"]
    return response.json()


def write(browser, body, who=None):
    """A message; without a token the form, with the identity where somebody is identified."""
    if browser.token:
        response = browser.say(body)
    else:
        identity = {"identity": identity_of(browser.brand, who)} if who else {}
        response = browser.start(message=body, **identity)
    assert response.status_code == 201, response.content


def reads(browser):
    return browser.bodies() if browser.token else []


def test_a_new_id_adopts_what_was_written_anonymously(cast):
    phone, laptop = Browser(cast.north), Browser(cast.north)
    write(phone, "before signing in")
    identify(phone, "anna", name="Anna", email="anna@site.example")
    write(phone, "after")
    identify(laptop, "anna")
    assert reads(phone) == reads(laptop) == ["before signing in", "after"]
    visitor = Visitor.objects.get()
    assert (visitor.external_id, visitor.name, visitor.email) == ("anna", "Anna", "anna@site.example")


def test_an_id_with_a_thread_opens_its_own_and_takes_over_what_was_written_anonymously(cast):
    phone, laptop = Browser(cast.north), Browser(cast.north)
    write(phone, "from the phone", "anna")
    write(laptop, "anonymous, from the laptop")
    identify(laptop, "anna")
    identify(phone, "anna")
    assert reads(laptop) == reads(phone) == ["from the phone", "anonymous, from the laptop"]
    assert Visitor.objects.count() == 1
    assert set(Conversation.objects.values_list("visitor__external_id", flat=True)) == {"anna"}


def test_nobody_adopts_what_another_person_was_identified_on(cast):
    browser = Browser(cast.north)
    write(browser, "Anna's words")
    identify(browser, "anna")
    assert identify(browser, "bert") == {"token": None, "visitor": None}
    assert Visitor.objects.get().external_id == "anna"
    write(browser, "Bert's words", "bert")
    assert reads(browser) == ["Bert's words"]
    other = Browser(cast.north)
    identify(other, "anna")
    assert reads(other) == ["Anna's words"]


def test_the_anonymous_token_ends_when_the_visitor_is_identified(cast):
    """Whoever used the browser before, and kept the token, does not read what the identified person writes."""
    browser, before = Browser(cast.north), Browser(cast.north)
    write(browser, "anonymous")
    before.token = browser.token
    identify(browser, "anna")
    write(browser, "Anna's secret")
    assert before.thread().status_code == before.say("still me").status_code == 401
    with pytest.raises(Failed, match="cannot be opened"):
        before.ask("widget:thread")
    with pytest.raises(FunctionError):
        visitors.open(before.token)
    assert reads(browser) == ["anonymous", "Anna's secret"]


def test_a_merged_visitors_token_ends(cast):
    phone, laptop, before = (Browser(cast.north) for _ in range(3))
    write(phone, "from the phone", "anna")
    write(laptop, "from the laptop")
    before.token = laptop.token
    identify(laptop, "anna")
    assert before.thread().status_code == 401
    assert before.say("me again").status_code == 401
    assert before.post("identify", {"widgetId": cast.north.widget_id, **identity_of(cast.north, "bert")}).json() == {
        "token": None,
        "visitor": None,
    }


def test_a_merge_moves_everything_and_tells_the_crm(cast):
    phone, laptop = Browser(cast.north), Browser(cast.north)
    write(phone, "from the phone", "anna")
    laptop.start(message="from the laptop", phone="+49 30 1", locale="de")
    source = Visitor.objects.get(external_id=None)
    talk = Conversation.objects.get(visitor=source)
    before = talk.updated_at
    identify(laptop, "anna")
    talk.refresh_from_db()
    assert talk.visitor.external_id == "anna"
    assert talk.updated_at > before
    assert talk.visitor.phone == "+49 30 1"
    assert talk.visitor.locale == "de"
    assert not Visitor.objects.filter(pk=source.pk).exists()
    _, secret = create_key(cast.acme, name="CRM", scope="read")
    answer = laptop.http.get(f"/api/v1/conversations/{talk.pk}", headers={"Authorization": f"Bearer {secret}"})
    assert answer.json()["conversation"]["visitor"]["_id"] == str(talk.visitor_id)


def test_a_block_outlives_the_sign_in(cast):
    phone, laptop = Browser(cast.north), Browser(cast.north)
    write(phone, "from the phone", "anna")
    write(laptop, "rude words")
    block_visitor(Conversation.objects.get(visitor__external_id=None), is_blocked=True)
    identify(laptop, "anna")
    assert laptop.say("more of them").json()["code"] == "blocked"


def test_details_of_a_known_person_are_changed_and_what_is_left_out_stays(cast):
    browser = Browser(cast.north)
    write(browser, "Hello", "u1")
    identify(browser, "u1", name="Anna", email="anna@old.example", phone="1")
    identify(browser, "u1", name="Anna B.", email="anna@new.example")
    visitor = Visitor.objects.get()
    assert (visitor.name, visitor.email, visitor.phone) == ("Anna B.", "anna@new.example", "1")


def test_a_token_of_another_brand_or_workspace_brings_nothing_along(cast):
    for other in (cast.south, cast.west):
        stranger = Browser(other)
        write(stranger, "elsewhere")
        north = Browser(cast.north)
        north.token = stranger.token
        assert identify(north, "anna") == {"token": None, "visitor": None}
        assert reads(stranger) == ["elsewhere"]
    assert not Visitor.objects.filter(external_id="anna").exists()


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "\x00", "é" * 3000])
def test_a_token_that_is_none_brings_nothing_along(cast, token):
    browser = Browser(cast.north)
    browser.token = token
    assert identify(browser, "anna") == {"token": None, "visitor": None}


def test_identifying_again_changes_nothing(cast):
    phone, laptop = Browser(cast.north), Browser(cast.north)
    write(phone, "one")
    for _ in range(3):
        identify(phone, "anna")
        identify(laptop, "anna")
    assert reads(phone) == reads(laptop) == ["one"]
    assert (Visitor.objects.count(), Conversation.objects.count()) == (1, 1)


def test_a_reply_after_the_merge_reaches_the_person(cast):
    phone, laptop = Browser(cast.north), Browser(cast.north)
    write(phone, "from the phone", "anna")
    write(laptop, "from the laptop")
    talk = Conversation.objects.get(visitor__external_id=None)
    identify(laptop, "anna")
    send_message(talk, role=Message.Role.OPERATOR, body="We are here", channel=Channel.DASHBOARD, author=cast.alice)
    assert reads(phone) == ["from the phone", "from the laptop", "We are here"]


@pytest.mark.django_db(transaction=True)
def test_two_devices_that_identify_a_new_id_at_once_share_one_thread(cast):
    browsers = [Browser(cast.north) for _ in range(4)]
    for number, browser in enumerate(browsers):
        write(browser, f"from device {number}")

    def run(browser):
        identify(browser, "anna")
        connection.close()

    threads = [threading.Thread(target=run, args=[browser]) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for browser in browsers:
        identify(browser, "anna")
        assert sorted(reads(browser)) == [f"from device {number}" for number in range(4)]
    assert Visitor.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_is_written_while_two_visitors_are_merged_is_not_lost(cast):
    phone, laptop = Browser(cast.north), Browser(cast.north)
    write(phone, "first", "anna")
    write(laptop, "anonymous")
    before = Browser(cast.north)
    before.token = laptop.token
    accepted = []

    def chatter():
        for number in range(30):
            answer = before.post(
                "messages", {"widgetId": cast.north.widget_id, "body": f"word {number}", "clientId": client_id()}
            )
            assert answer.status_code in (201, 401), answer.content
            if answer.status_code == 201:
                accepted.append(f"word {number}")
        connection.close()

    thread = threading.Thread(target=chatter)
    thread.start()
    while len(accepted) < 3:
        pass
    identify(laptop, "anna")
    thread.join()
    assert 3 <= len(accepted) < 30
    assert [body for body in reads(laptop) if body.startswith("word")] == accepted


def test_an_operators_conversation_with_a_stranger_is_never_adopted(cast):
    make_talk(cast.north, body="somebody else's")
    browser = Browser(cast.north)
    identify(browser, "anna")
    write(browser, "Anna's", "anna")
    assert reads(browser) == ["Anna's"]


def test_tokens_of_an_identified_visitor_stay_good(cast):
    browser = Browser(cast.north)
    write(browser, "Hello", "anna")
    browser.token = issue_token(Visitor.objects.get())
    assert reads(browser) == ["Hello"]


def test_an_erasure_after_a_merge_deletes_the_events_of_both_visitors(cast):
    phone, laptop = Browser(cast.north), Browser(cast.north)
    write(laptop, "anonymous, and first")
    write(phone, "from the phone", "anna")
    Event.objects.update(created_at=F("created_at") - timedelta(hours=2))
    Visitor.objects.filter(external_id=None).update(created_at=timezone.now() - timedelta(hours=3))
    identify(laptop, "anna")
    assert Event.objects.exists()
    erase(Visitor.objects.get())
    assert not Event.objects.exists()
    assert not Conversation.objects.exists()


def test_a_message_that_is_sent_again_after_a_merge_stands_once(cast):
    phone, laptop = Browser(cast.north), Browser(cast.north)
    write(laptop, "anonymous")
    name = client_id()
    assert laptop.post("messages", said(cast, "was it sent?", name)).status_code == 201
    write(phone, "newer, from the phone", "anna")
    identify(laptop, "anna")
    assert laptop.post("messages", said(cast, "was it sent?", name)).status_code == 201
    assert reads(laptop).count("was it sent?") == 1


def said(cast, body, name):
    return {"widgetId": cast.north.widget_id, "body": body, "clientId": name}


def test_an_erased_visitor_tells_nothing_more(cast):
    browser = Browser(cast.north)
    write(browser, "Hello")
    assert browser.ask("widget:tell", timeZone="Asia/Tokyo") == {"ok": True}
    erase(Visitor.objects.get())
    with pytest.raises(Failed, match="cannot be opened"):
        browser.ask("widget:tell", timeZone="Asia/Tokyo")
