"""Browser tests of a conversation: the visitor uses the widget on a customer's page, the operator REST and the Agent SDK."""

import contextlib
import itertools
import json
import urllib.request

import pytest

from accounts.actions.operator_tokens import issue_token
from conversations.models import Conversation, Message, Visitor
from integrations.actions.api_keys import create_key
from integrations.actions.subscriptions import create_webhook
from tests.live.driver import wait_for
from tests.servers import WEB, Server, free_port
from tests.sync.sockets import Socket
from tests.tiers import slow
from tests.widget.conftest import STRICT, TRUSTED_TYPES, Site
from tests.widget.visitors import identity_of
from widget.magic_links import magic_link

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]


QUEUE_STUB = "window.PraxTalk = function () { (PraxTalk.q = PraxTalk.q || []).push(arguments) }"


WRITE_MANY = """([tab, count]) => {
  const box = document.querySelector("#praxtalk").shadowRoot.querySelector(".composer textarea");
  let number = 0;
  window.writing = setInterval(() => {
    box.value = tab + number++;
    box.dispatchEvent(new InputEvent("input"));
    box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    if (number === count) window.writing = clearInterval(window.writing);
  }, 1);
}"""


def fill_form(page, message="Do you ship to Addis Ababa?", **fields):
    page.get_by_role("button", name="Open chat").click()
    for label, value in ({"Name": "Maya A.", "Email": "maya@example.com"} | fields).items():
        page.get_by_label(label, exact=True).fill(value)
    page.locator("textarea[name=message]").fill(message)
    page.get_by_role("button", name="Start the chat").click()


def write_message(page, text):
    box = page.get_by_placeholder("Write a message …")
    box.fill(text)
    box.press("Enter")


def expect_message(page, text):
    page.get_by_role("log").get_by_text(text, exact=True).wait_for(timeout=20_000)


def stored_bodies():
    """Return the bodies of all stored messages, in order."""
    return list(Message.objects.order_by("created_at", "position").values_list("body", flat=True))


def wait_until_stored(bodies_are):
    with contextlib.suppress(AssertionError):  # the comparison below gives a better error message
        wait_for(lambda: stored_bodies() == bodies_are)
    assert stored_bodies() == bodies_are


@pytest.fixture
def reply_by_rest(site, tenants):
    secret = create_key(tenants.acme, name="CRM", scope="write")[1]

    def send(body):
        conversation = Conversation.objects.order_by("-created_at").first()
        request = urllib.request.Request(
            f"{site.host}/api/v1/conversations/{conversation.pk}/messages",
            json.dumps({"body": body}).encode(),
            {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            assert response.status == 201

    return send


@pytest.mark.parametrize("csp", [*slow(STRICT), f"{STRICT}; {TRUSTED_TYPES}"], ids=["strict", "trusted types"])
def test_conversation_works_under_a_strict_policy(site, page, csp, reply_by_rest):
    recorder = site.open(page, csp=csp)
    fill_form(page, **{"Phone (optional)": "+251 11 000"})
    expect_message(page, "Do you ship to Addis Ababa?")
    wait_for(lambda: Message.objects.exists(), "no message")
    reply_by_rest("We do: about six days.")
    expect_message(page, "We do: about six days.")
    write_message(page, "Thanks!")
    wait_until_stored(["Do you ship to Addis Ababa?", "We do: about six days.", "Thanks!"])
    visitor = Visitor.objects.get()
    assert (visitor.name, visitor.email, visitor.page) == ("Maya A.", "maya@example.com", f"{site.url}/")
    assert recorder.reports() == recorder.errors() == []


def test_message_reaches_webhooks_and_the_live_inbox_and_is_answered_by_the_sdk(site, page, tenants):
    webhook, _ = create_webhook(tenants.acme.pk, url="http://127.0.0.1:9/", events=["message.created"])
    site.open(page)
    fill_form(page)
    expect_message(page, "Do you ship to Addis Ababa?")
    wait_for(lambda: webhook.deliveries.exists(), "no delivery")
    with Socket(site.host, issue_token(tenants.alice)[0]) as inbox:
        (row,) = inbox.query_once("conversations:listInbox", status="open")
        here = {"conversationId": row["_id"]}
        assert row["visitor"]["name"] == "Maya A."
        inbox.mutate("presence:touch", **here, typing=True)
        page.get_by_text("Alice is typing").wait_for(timeout=20_000)
        page.get_by_text("Seen").wait_for(timeout=20_000)
        inbox.mutate("messages:send", **here, body="We do.")
        expect_message(page, "We do.")
        page.get_by_placeholder("Write a message …").press_sequentially("Tha")
        wait_for(lambda: inbox.query_once("presence:visitor", **here)["typing"], "the operator does not see the typing")
        newest = str(Message.objects.get(body="We do.").pk)
        wait_for(lambda: inbox.query_once("presence:visitor", **here)["readId"] == newest, "not seen")


def test_returning_visitor_finds_the_thread_and_another_browser_does_not(site, page, context, browser, reply_by_rest):
    site.open(page)
    fill_form(page)
    expect_message(page, "Do you ship to Addis Ababa?")
    wait_until_stored(["Do you ship to Addis Ababa?"])
    page.get_by_role("button", name="Close chat").first.click()
    reply_by_rest("We do.")
    page.reload()
    page.get_by_role("button", name="Open chat").click()
    expect_message(page, "We do.")
    assert page.get_by_role("button", name="Start the chat").is_hidden()
    stranger = browser.new_context().new_page()
    site.open(stranger)
    stranger.get_by_role("button", name="Open chat").click()
    stranger.get_by_role("button", name="Start the chat").wait_for()
    assert stranger.get_by_text("We do.").count() == 0
    stranger.context.close()


def test_identified_person_finds_the_thread_on_another_device(site, page, browser, tenants):
    identity = identity_of(tenants.north, name="Maya", email="maya@site.example")
    site.html = f"<script>{QUEUE_STUB}; PraxTalk('identify', {json.dumps(identity)})</script>"
    site.open(page)
    page.get_by_role("button", name="Open chat").click()
    page.locator("textarea[name=message]").fill("from the phone")
    page.get_by_role("button", name="Start the chat").click()
    wait_until_stored(["from the phone"])
    laptop = browser.new_context().new_page()
    site.open(laptop)
    laptop.get_by_role("button", name="Open chat").click()
    expect_message(laptop, "from the phone")
    laptop.context.close()
    assert Visitor.objects.get().external_id == identity["id"]


def test_messages_written_offline_survive_a_reload_and_are_sent_in_order(site, page, context):
    site.open(page)
    fill_form(page, "0")
    wait_until_stored(["0"])
    expect_message(page, "0")
    context.set_offline(True)
    for number in range(1, 4):
        write_message(page, str(number))
    page.get_by_text("You are offline.", exact=False).first.wait_for(timeout=20_000)
    context.set_offline(False)
    page.reload()
    context.set_offline(True)
    page.get_by_placeholder("Write a message …").wait_for(timeout=30_000)
    for number in range(4, 6):
        write_message(page, str(number))
    context.set_offline(False)
    wait_until_stored([str(number) for number in range(6)])
    for number in range(6):
        expect_message(page, str(number))
    assert page.get_by_role("log").get_by_text("5", exact=True).count() == 1


def test_unacknowledged_first_message_survives_a_reload(site, page):
    page.route("**/widget/v1/start", lambda route: route.abort())
    site.open(page)
    fill_form(page, "0")
    write_message(page, "1")
    page.reload()
    for number in range(2):
        expect_message(page, str(number))
    page.unroute("**/widget/v1/start")
    wait_until_stored(["0", "1"])


@pytest.mark.parametrize("count", [8, *slow(25)])
def test_two_tabs_writing_at_the_same_time_lose_no_message(site, context, count):
    first, second = context.new_page(), context.new_page()
    site.open(first)
    fill_form(first, "Hello?")
    wait_until_stored(["Hello?"])
    site.open(second)
    second.get_by_placeholder("Write a message …").wait_for(timeout=30_000)
    expected = {tab: [f"{tab}{number}" for number in range(count)] for tab in "ab"}
    for page, tab in ((first, "a"), (second, "b")):
        page.evaluate(WRITE_MANY, [tab, count])
    for page in (first, second):
        page.wait_for_function("writing === undefined")
    wait_for(lambda: len(stored_bodies()) == 1 + 2 * count, "a message is missing or stands twice")
    for tab in expected:
        assert [body for body in stored_bodies() if body.startswith(tab)] == expected[tab]


@pytest.mark.slow
def test_no_message_is_lost_when_the_server_is_killed_while_two_tabs_write(
    chromium, context, tenants, transactional_db
):
    """The server gets SIGKILL twice while messages are being sent, and a tab reloads. Each message is stored once, in
    the order of its tab."""
    port = free_port()
    arguments = WEB
    server = Server(*arguments, port=port, WEB_PROCESSES="1")
    with server:
        site = Site(server.url, tenants.north.widget_id)
        first, second = context.new_page(), context.new_page()
        site.open(first)
        fill_form(first, "a0")
        wait_until_stored(["a0"])
        site.open(second)
        second.get_by_placeholder("Write a message …").wait_for(timeout=30_000)
        names = itertools.count(1)
        expected = {"a": ["a0"], "b": []}

        def both_write():
            for page, tab in ((first, "a"), (second, "b")):
                text = f"{tab}{next(names)}"
                expected[tab].append(text)
                write_message(page, text)

        both_write()
        server.kill()
        for _ in range(2):
            both_write()
    with Server(*arguments, port=port, WEB_PROCESSES="1") as server:
        both_write()
        server.kill()
        both_write()
    with Server(*arguments, port=port, WEB_PROCESSES="1"):
        second.reload()
        everything = sorted(expected["a"] + expected["b"])
        wait_for(lambda: sorted(stored_bodies()) == everything, "a message is missing or stands twice", 60)
        for tab in expected:
            assert [body for body in stored_bodies() if body.startswith(tab)] == expected[tab]
        for page in (first, second):
            expect_message(page, expected["b"][-1])
        assert Conversation.objects.count() == Visitor.objects.count() == 1
        site.close()
        for page in (first, second):
            page.close()


def test_magic_link_opens_the_thread_on_another_device(site, page, browser):
    site.open(page)
    fill_form(page, "Hello?")
    wait_until_stored(["Hello?"])
    link = magic_link(Visitor.objects.select_related("brand").get())
    fragment = link.split("#")[1]
    phone = browser.new_context().new_page()
    site.open(phone, path=f"/#{fragment}")
    expect_message(phone, "Hello?")
    assert phone.evaluate("location.hash") == ""
    write_message(phone, "from the phone")
    expect_message(page, "from the phone")
    phone.goto(f"{site.host}/talk/{site.widget_id}#{fragment}")
    expect_message(phone, "from the phone")
    phone.evaluate("localStorage.clear()")
    phone.goto(f"{site.host}/talk/{site.widget_id}#praxtalk=forged")
    phone.reload()
    phone.get_by_text("This conversation is no longer available.", exact=False).wait_for(timeout=20_000)
    phone.context.close()
