"""Browser tests of identities: nobody reads another person's thread, and no message is lost to its author.

They cover the orders in which people write, sign in, sign out and share a device.
"""

import json

import pytest

from brands.actions import configure_widget
from conversations.models import Message, Visitor
from data_requests.actions import erase
from tests.live.driver import wait_for
from tests.nginx import ANY_POST, nginx_in_front
from tests.widget.test_conversation import QUEUE_STUB, expect_message, fill_form, wait_until_stored
from tests.widget.visitors import identity_of
from widget.magic_links import return_link

__all__ = ["nginx_in_front"]

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]

SHOWN_TEXTS = """() => {
  const root = document.querySelector("#praxtalk").shadowRoot;
  return [...root.querySelectorAll(".list .message:not(.sending):not(.failed) .text")]
    .filter((one) => one.checkVisibility()).map((one) => one.textContent);
}"""
ALL_TEXT = """() => {
  const root = document.querySelector("#praxtalk").shadowRoot;
  return root.textContent + [...root.querySelectorAll("input, textarea")].map((one) => one.value).join(" ");
}"""
GREETING = "Hi! How can we help?"


class Tab:
    """A tab of a device, with the chat open."""

    def __init__(self, site, page):
        self.site, self.page = site, page
        site.html = f"<script>{QUEUE_STUB}; PraxTalk('open')</script>"
        self.load()

    def load(self):
        self.site.open(self.page)
        self.page.get_by_role("dialog", name="Chat").wait_for()

    def identify(self, brand, who, **details):
        self.page.locator("#praxtalk").wait_for(state="attached")
        self.call("identify", identity_of(brand, who, **details))

    def call(self, name, *arguments):
        self.page.evaluate("(all) => PraxTalk(...all)", [name, *arguments])

    def write(self, text, arrives=True):
        """Write a message in the thread, or in the form if there is no thread."""
        self.call("open")
        page = self.page
        composer, start = (
            page.get_by_placeholder("Write a message …"),
            page.get_by_role("button", name="Start the chat"),
        )
        composer.or_(start).first.wait_for()
        if composer.is_visible():
            composer.fill(text)
            composer.press("Enter")
        else:
            for label, value in {"Name": "Maya A.", "Email": "maya@example.com"}.items():
                field = page.get_by_label(label, exact=True)
                if field.is_visible():
                    field.fill(value)
            page.locator("textarea[name=message]").fill(text)
            start.click()
        if arrives:
            wait_for(lambda: Message.objects.filter(body=text).exists(), f"{text} has not arrived")

    def expect_hidden(self, text):
        """Check that the text is shown nowhere, including messages being sent and the form."""
        self.call("open")
        self.page.wait_for_timeout(500)
        assert text not in self.page.evaluate(ALL_TEXT)

    def expect_thread(self, *texts):
        """Check that the thread shows exactly these texts once the widget is idle."""
        self.call("open")
        shown = lambda: [text for text in self.page.evaluate(SHOWN_TEXTS) if text != GREETING]  # noqa: E731
        wait_for(lambda: shown() == list(texts), f"{shown()} instead of {texts}", 20)
        self.page.wait_for_timeout(400)
        assert shown() == list(texts)


# Steps of (tab, action, value), and the texts shown at the end: in each tab, and to each person on a new device.
# "phone" and "phone 2" are tabs of one device.
ORDERS = {
    "written, then identified": (
        [("phone", "write", "a1"), ("phone", "identify", "anna")],
        {"phone": ["a1"], "anna": ["a1"]},
    ),
    "identified, then written": (
        [("phone", "identify", "anna"), ("phone", "write", "a1")],
        {"phone": ["a1"], "anna": ["a1"]},
    ),
    "written, identified, another identified": (
        [("phone", "write", "a1"), ("phone", "identify", "anna"), ("phone", "identify", "bert")],
        {"phone": [], "anna": ["a1"], "bert": []},
    ),
    "written, identified, another identified and writes": (
        [
            ("phone", "write", "a1"),
            ("phone", "identify", "anna"),
            ("phone", "identify", "bert"),
            ("phone", "write", "b1"),
        ],
        {"phone": ["b1"], "anna": ["a1"], "bert": ["b1"]},
    ),
    "identified, written, reset, another identified and writes": (
        [
            ("phone", "identify", "anna"),
            ("phone", "write", "a1"),
            ("phone", "reset", None),
            ("phone", "identify", "bert"),
            ("phone", "write", "b1"),
        ],
        {"phone": ["b1"], "anna": ["a1"], "bert": ["b1"]},
    ),
    "reset, written anonymously, another identified": (
        [
            ("phone", "identify", "anna"),
            ("phone", "write", "a1"),
            ("phone", "reset", None),
            ("phone", "write", "x1"),
            ("phone", "identify", "bert"),
        ],
        {"phone": ["x1"], "anna": ["a1"], "bert": ["x1"]},
    ),
    "identified, reset, identified again": (
        [
            ("phone", "identify", "anna"),
            ("phone", "write", "a1"),
            ("phone", "reset", None),
            ("phone", "identify", "anna"),
        ],
        {"phone": ["a1"], "anna": ["a1"]},
    ),
    "a reload between one person and the next": (
        [
            ("phone", "write", "a1"),
            ("phone", "identify", "anna"),
            ("phone", "reads", ["a1"]),
            ("phone", "load", None),
            ("phone", "identify", "bert"),
        ],
        {"phone": [], "anna": ["a1"], "bert": []},
    ),
    "an id with a thread on another device": (
        [
            ("laptop", "identify", "anna"),
            ("laptop", "write", "a1"),
            ("phone", "write", "a2"),
            ("phone", "identify", "anna"),
        ],
        {"phone": ["a1", "a2"], "laptop": ["a1", "a2"], "anna": ["a1", "a2"]},
    ),
    "two devices with one new id": (
        [
            ("phone", "write", "a1"),
            ("laptop", "write", "a2"),
            ("phone", "identify", "anna"),
            ("laptop", "identify", "anna"),
        ],
        {"phone": ["a1", "a2"], "laptop": ["a1", "a2"], "anna": ["a1", "a2"]},
    ),
    "one tab writes, the other identifies": (
        [("phone", "write", "a1"), ("phone 2", "identify", "anna"), ("phone", "write", "a2")],
        {"phone": ["a1", "a2"], "phone 2": ["a1", "a2"], "anna": ["a1", "a2"]},
    ),
    "two tabs with two persons": (
        [
            ("phone", "identify", "anna"),
            ("phone", "write", "a1"),
            ("phone 2", "identify", "bert"),
            ("phone 2", "write", "b1"),
            ("phone", "reads", []),
            ("phone", "write", "a2"),
            ("phone 2", "reads", []),
        ],
        {"phone": ["a1", "a2"], "phone 2": [], "anna": ["a1", "a2"], "bert": ["b1"]},
    ),
}


@pytest.mark.parametrize("order", ORDERS)
def test_everybody_reads_only_their_own_thread(site, browser, cast, order):
    steps, wanted = ORDERS[order]
    identity_of(cast.north)  # the first call creates the identity secret
    contexts, tabs = {}, {}

    def tab(name):
        if name not in tabs:
            device = name.split()[0]
            if device not in contexts:
                contexts[device] = browser.new_context()
            tabs[name] = Tab(site, contexts[device].new_page())
        return tabs[name]

    def take(name, verb, value):
        if verb == "identify":
            tab(name).identify(cast.north, value)
        elif verb == "reads":
            tab(name).expect_thread(*value)
        elif verb == "reset":
            tab(name).call("reset")
        elif verb == "load":
            tab(name).load()
        else:
            tab(name).write(value)

    for step in steps:
        take(*step)
    for name, texts in wanted.items():
        if name in ("anna", "bert"):
            tab(f"{name}'s").identify(cast.north, name)
            tab(f"{name}'s").expect_thread(*texts)
        else:
            tab(name).expect_thread(*texts)
    for context in contexts.values():
        context.close()


def test_details_are_sent_only_when_changed(site, page, cast):
    tab = Tab(site, page)
    tab.identify(cast.north, "u1", name="Anna", email="anna@old.example")
    tab.write("Hello")
    tab.expect_thread("Hello")
    calls = []
    page.on("request", lambda request: request.url.endswith("/identify") and calls.append(request.url))
    tab.load()
    tab.identify(cast.north, "u1", name="Anna", email="anna@old.example")
    tab.expect_thread("Hello")
    assert calls == []
    tab.identify(cast.north, "u1", name="Anna B.", email="anna@new.example")
    changed = Visitor.objects.filter(external_id="u1", name="Anna B.", email="anna@new.example")
    wait_for(changed.exists, "the details are not told")
    page.wait_for_timeout(100)
    assert len(calls) == 1


def test_identity_given_while_offline_is_sent_when_online(site, page, cast, nginx_in_front):
    nginx = nginx_in_front(int(site.host.rsplit(":", 1)[1]))
    site.host = nginx.url
    tab = Tab(site, page)
    tab.write("a1")
    tab.expect_thread("a1")
    nginx.stop()
    tab.identify(cast.north, "anna")
    page.wait_for_timeout(1500)
    nginx.start()
    wait_for(Visitor.objects.filter(external_id="anna").exists, "never told")
    tab.expect_thread("a1")


def test_thread_of_a_person_with_a_pending_identify_is_not_adopted_by_another(site, page, cast, nginx_in_front):
    """Anna signs in while the server is unreachable, and leaves. After a reload Bert signs in."""
    nginx = nginx_in_front(int(site.host.rsplit(":", 1)[1]))
    site.host = nginx.url
    tab = Tab(site, page)
    tab.write("Anna's words")
    tab.expect_thread("Anna's words")
    nginx.refuse(502, when=ANY_POST, path="/widget/v1/identify")
    tab.identify(cast.north, "anna")
    page.wait_for_timeout(500)
    tab.load()
    nginx.let_through()
    tab.identify(cast.north, "bert")
    tab.expect_thread()
    assert not Visitor.objects.filter(external_id="bert").exists()


def test_anonymous_message_being_sent_belongs_to_the_person_who_signs_in(site, page, cast):
    tab = Tab(site, page)
    held = []
    page.route("**/widget/v1/start", lambda route: held.append(route))
    fields = {"Name": "Maya", "Email": "maya@example.com"}
    for label, value in fields.items():
        page.get_by_label(label, exact=True).fill(value)
    page.locator("textarea[name=message]").fill("a1")
    page.get_by_role("button", name="Start the chat").click()
    while not held:
        page.wait_for_timeout(50)
    tab.identify(cast.north, "anna", name="Anna")
    page.wait_for_timeout(300)
    held[0].continue_()
    wait_for(Visitor.objects.filter(external_id="anna").exists, "the message is a stranger's")
    tab.expect_thread("a1")
    assert Visitor.objects.count() == 1


def test_expired_token_of_an_identified_person_is_renewed_silently(site, page, cast):
    tab = Tab(site, page)
    tab.identify(cast.north, "anna")
    tab.write("a1")
    tab.expect_thread("a1")
    page.evaluate(
        """() => {
          const key = Object.keys(localStorage).find((one) => one.endsWith(":token"));
          localStorage.setItem(key, JSON.stringify("ended"));
        }"""
    )
    tab.load()
    tab.identify(cast.north, "anna")
    tab.expect_thread("a1")
    tab.write("a2")
    tab.expect_thread("a1", "a2")


def test_magic_link_on_a_page_with_an_identified_person_merges_the_threads(site, page, browser, cast):
    """The anonymous thread opened by the link is merged into the person's own."""
    tab = Tab(site, page)
    tab.write("anonymous")
    configure_widget(cast.north, allowed_domains=["localhost"])
    visitor = Visitor.objects.select_related("brand").get()
    link = return_link(visitor)
    phone = browser.new_context().new_page()
    site.html = f"<script>{QUEUE_STUB}; PraxTalk('identify', {json.dumps(identity_of(cast.north, 'anna'))})</script>"
    phone.goto(link)
    phone.get_by_role("dialog", name="Chat").wait_for()
    expect_message(phone, "anonymous")
    wait_for(Visitor.objects.filter(external_id="anna").exists, "it is still a stranger's")
    phone.context.close()


def test_form_draft_of_one_person_is_not_shown_to_the_next(site, page, cast):
    tab = Tab(site, page)
    tab.identify(cast.north, "anna")
    page.locator("textarea[name=message]").fill("Anna's draft")
    tab.identify(cast.north, "bert")
    tab.call("open")
    page.get_by_role("button", name="Start the chat").wait_for()
    assert page.locator("textarea[name=message]").input_value() == ""


def test_next_user_of_the_device_reads_nothing_after_a_reset(site, page, cast):
    site.html = f"<script>{QUEUE_STUB}</script>"
    site.open(page)
    fill_form(page, "Anna's words")
    wait_until_stored(["Anna's words"])
    expect_message(page, "Anna's words")
    page.evaluate("(identity) => PraxTalk('identify', identity)", identity_of(cast.north, "anna"))
    wait_for(Visitor.objects.filter(external_id="anna").exists, "never told")
    page.evaluate("PraxTalk('reset')")
    page.evaluate("PraxTalk('open')")
    page.get_by_role("button", name="Start the chat").wait_for()
    assert page.evaluate(SHOWN_TEXTS) == []


def is_stored_for(text, who):
    """Return a predicate: the message is stored for this person."""
    return lambda: Message.objects.filter(body=text, conversation__visitor__external_id=who).exists()


def block_sending(context):
    """Make all requests that send messages fail."""
    for path in ("start", "messages"):
        context.route(f"**/widget/v1/{path}", lambda route: route.abort())


def unblock_sending(context):
    for path in ("start", "messages"):
        context.unroute(f"**/widget/v1/{path}")


def test_unsent_first_message_is_not_shown_to_the_next_person(site, page, context, cast):
    anna = Tab(site, page)
    anna.identify(cast.north, "anna")
    block_sending(context)
    anna.write("Anna's secret", arrives=False)
    bert = Tab(site, context.new_page())
    bert.identify(cast.north, "bert")
    bert.expect_hidden("Anna's secret")
    unblock_sending(context)
    page.bring_to_front()
    anna.call("open")
    wait_for(is_stored_for("Anna's secret", "anna"), "it is lost", 40)
    bert.expect_hidden("Anna's secret")


def test_unsent_message_claimed_by_one_person_is_never_sent_as_another(site, page, context, cast):
    tab = Tab(site, page)
    block_sending(context)
    tab.write("anonymous, then Anna's", arrives=False)
    tab.identify(cast.north, "anna")
    tab.load()
    tab.identify(cast.north, "bert")
    tab.expect_hidden("anonymous, then Anna's")
    unblock_sending(context)
    tab.load()
    tab.identify(cast.north, "bert")
    tab.write("Bert's")
    tab.expect_thread("Bert's")
    assert not Message.objects.filter(body="anonymous, then Anna's").exists()
    tab.identify(cast.north, "anna")
    wait_for(is_stored_for("anonymous, then Anna's", "anna"), "it is lost")
    tab.expect_thread("anonymous, then Anna's")


def test_message_pending_when_a_token_ended_is_not_sent_as_another_person(site, page, context, cast):
    tab = Tab(site, page)
    tab.identify(cast.north, "anna")
    tab.write("Anna's")
    tab.expect_thread("Anna's")
    block_sending(context)
    tab.write("Anna's second", arrives=False)
    erase(Visitor.objects.get())
    tab.load()
    unblock_sending(context)
    tab.identify(cast.north, "bert")
    tab.expect_hidden("Anna's")
    tab.write("Bert's")
    tab.expect_thread("Bert's")
    assert not Message.objects.filter(body="Anna's second").exists()


def test_unsent_message_survives_the_sign_in_of_another_person(site, page, context, cast):
    tab = Tab(site, page)
    tab.identify(cast.north, "anna")
    tab.write("one")
    tab.expect_thread("one")
    block_sending(context)
    tab.write("two", arrives=False)
    other = Tab(site, context.new_page())
    other.identify(cast.north, "bert")
    other.expect_hidden("two")
    other.page.close()
    unblock_sending(context)
    tab.load()
    tab.identify(cast.north, "anna")
    wait_for(is_stored_for("two", "anna"), "it is lost")
    tab.expect_thread("one", "two")


def test_rejected_identity_hash_claims_nothing(site, page, cast):
    tab = Tab(site, page)
    tab.write("mine")
    tab.expect_thread("mine")
    with page.expect_console_message(lambda message: message.text.startswith("PraxTalk:")):
        tab.call("identify", identity_of(cast.north, "old") | {"hash": "0" * 64})
    tab.load()
    tab.identify(cast.north, "new")
    wait_for(Visitor.objects.filter(external_id="new").exists, "it is not adopted")
    tab.expect_thread("mine")
