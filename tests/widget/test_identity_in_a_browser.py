"""Browser tests of identities: nobody reads another person's thread, and no message is lost to its author.

The scenarios of test_identity_scenarios_in_a_browser.py combine writing, signing in, signing out and sharing a device.
"""

import json

import pytest

from brands.actions import configure_widget
from conversations.models import Message, Visitor
from tests.live.driver import wait_for
from tests.nginx import ANY_POST, nginx_in_front
from tests.widget.test_conversation import QUEUE_STUB, expect_message, fill_form, wait_until_stored
from tests.widget.visitors import identity_of
from widget.magic_links import magic_link

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
        self.call_api("identify", identity_of(brand, who, **details))

    def call_api(self, name, *arguments):
        self.page.evaluate("(all) => PraxTalk(...all)", [name, *arguments])

    def write(self, text, arrives=True):
        """Write a message in the thread, or in the form if there is no thread."""
        self.call_api("open")
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
        self.call_api("open")
        self.page.wait_for_timeout(500)
        assert text not in self.page.evaluate(ALL_TEXT)

    def expect_thread(self, *texts):
        """Check that the thread shows exactly these texts once the widget is idle."""
        self.call_api("open")
        shown = lambda: [text for text in self.page.evaluate(SHOWN_TEXTS) if text != GREETING]  # noqa: E731
        wait_for(lambda: shown() == list(texts), f"{shown()} instead of {texts}", 20)
        self.page.wait_for_timeout(400)
        assert shown() == list(texts)


def test_details_are_sent_only_when_changed(site, page, tenants):
    tab = Tab(site, page)
    tab.identify(tenants.north, "u1", name="Anna", email="anna@old.example")
    tab.write("Hello")
    tab.expect_thread("Hello")
    identify_requests = []
    page.on("request", lambda request: request.url.endswith("/identify") and identify_requests.append(request.url))
    tab.load()
    tab.identify(tenants.north, "u1", name="Anna", email="anna@old.example")
    tab.expect_thread("Hello")
    assert identify_requests == []
    tab.identify(tenants.north, "u1", name="Anna B.", email="anna@new.example")
    changed = Visitor.objects.filter(external_id="u1", name="Anna B.", email="anna@new.example")
    wait_for(changed.exists, "the details are not sent")
    page.wait_for_timeout(100)
    assert len(identify_requests) == 1


def test_identity_given_while_offline_is_sent_when_online(site, page, tenants, nginx_in_front):
    nginx = nginx_in_front(int(site.host.rsplit(":", 1)[1]))
    site.host = nginx.url
    tab = Tab(site, page)
    tab.write("a1")
    tab.expect_thread("a1")
    nginx.stop()
    tab.identify(tenants.north, "anna")
    page.wait_for_timeout(1500)
    nginx.start()
    wait_for(Visitor.objects.filter(external_id="anna").exists, "the identity is not sent")
    tab.expect_thread("a1")


def test_thread_of_a_person_with_a_pending_identify_is_not_adopted_by_another(site, page, tenants, nginx_in_front):
    """Anna signs in while the server is unreachable, and leaves. After a reload Bert signs in."""
    nginx = nginx_in_front(int(site.host.rsplit(":", 1)[1]))
    site.host = nginx.url
    tab = Tab(site, page)
    tab.write("Anna's words")
    tab.expect_thread("Anna's words")
    nginx.respond_with(502, when=ANY_POST, path="/widget/v1/identify")
    tab.identify(tenants.north, "anna")
    page.wait_for_timeout(500)
    tab.load()
    nginx.forward_all()
    tab.identify(tenants.north, "bert")
    tab.expect_thread()
    assert not Visitor.objects.filter(external_id="bert").exists()


def test_anonymous_message_being_sent_belongs_to_the_person_who_signs_in(site, page, tenants):
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
    tab.identify(tenants.north, "anna", name="Anna")
    page.wait_for_timeout(300)
    held[0].continue_()
    wait_for(Visitor.objects.filter(external_id="anna").exists, "the message is a stranger's")
    tab.expect_thread("a1")
    assert Visitor.objects.count() == 1


def test_expired_token_of_an_identified_person_is_renewed_silently(site, page, tenants):
    tab = Tab(site, page)
    tab.identify(tenants.north, "anna")
    tab.write("a1")
    tab.expect_thread("a1")
    page.evaluate(
        """() => {
          const key = Object.keys(localStorage).find((one) => one.endsWith(":token"));
          localStorage.setItem(key, JSON.stringify("ended"));
        }"""
    )
    tab.load()
    tab.identify(tenants.north, "anna")
    tab.expect_thread("a1")
    tab.write("a2")
    tab.expect_thread("a1", "a2")


def test_magic_link_on_a_page_with_an_identified_person_merges_the_threads(site, page, browser, tenants):
    """The anonymous thread opened by the link is merged into the person's own."""
    tab = Tab(site, page)
    tab.write("anonymous")
    configure_widget(tenants.north, allowed_domains=["localhost"])
    visitor = Visitor.objects.select_related("brand").get()
    link = magic_link(visitor)
    phone = browser.new_context().new_page()
    site.html = f"<script>{QUEUE_STUB}; PraxTalk('identify', {json.dumps(identity_of(tenants.north, 'anna'))})</script>"
    phone.goto(link)
    phone.get_by_role("dialog", name="Chat").wait_for()
    expect_message(phone, "anonymous")
    wait_for(Visitor.objects.filter(external_id="anna").exists, "it is still a stranger's")
    phone.context.close()


def test_form_draft_of_one_person_is_not_shown_to_the_next(site, page, tenants):
    tab = Tab(site, page)
    tab.identify(tenants.north, "anna")
    page.locator("textarea[name=message]").fill("Anna's draft")
    tab.identify(tenants.north, "bert")
    tab.call_api("open")
    page.get_by_role("button", name="Start the chat").wait_for()
    assert page.locator("textarea[name=message]").input_value() == ""


def test_next_user_of_the_device_reads_nothing_after_a_reset(site, page, tenants):
    site.html = f"<script>{QUEUE_STUB}</script>"
    site.open(page)
    fill_form(page, "Anna's words")
    wait_until_stored(["Anna's words"])
    expect_message(page, "Anna's words")
    page.evaluate("(identity) => PraxTalk('identify', identity)", identity_of(tenants.north, "anna"))
    wait_for(Visitor.objects.filter(external_id="anna").exists, "the identity is not sent")
    page.evaluate("PraxTalk('reset')")
    page.evaluate("PraxTalk('open')")
    page.get_by_role("button", name="Start the chat").wait_for()
    assert page.evaluate(SHOWN_TEXTS) == []


def test_rejected_identity_hash_claims_nothing(site, page, tenants):
    tab = Tab(site, page)
    tab.write("mine")
    tab.expect_thread("mine")
    with page.expect_console_message(lambda message: message.text.startswith("PraxTalk:")):
        tab.call_api("identify", identity_of(tenants.north, "old") | {"hash": "0" * 64})
    tab.load()
    tab.identify(tenants.north, "new")
    wait_for(Visitor.objects.filter(external_id="new").exists, "it is not adopted")
    tab.expect_thread("mine")
