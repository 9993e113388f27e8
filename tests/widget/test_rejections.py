"""Browser tests of rejected requests: the message shown to the visitor, and what happens to their text."""

import json
import time
import urllib.error
import urllib.request

import pytest
import redis

from brands.actions import configure_widget
from conversations.models import Message, Visitor
from tests.live.driver import wait_for
from tests.servers import valkey_url
from tests.tiers import slow
from tests.widget.test_conversation import (
    QUEUE_STUB,
    expect_message,
    fill_form,
    stored_bodies,
    wait_until_stored,
    write_message,
)
from tests.widget.test_ui import in_widget
from tests.widget.visitors import client_id, identity_of
from widget.visitor_tokens import issue_token

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]

TOO_MANY = "Too many messages. Please wait"
AGAIN = "Something went wrong. Your message is still here; please send it again."


def expect_alert(page, text):
    page.get_by_role("alert").filter(has_text=text).wait_for(timeout=20_000)


TOKEN = "Object.keys(localStorage).find((key) => key.startsWith('praxtalk:') && key.endsWith(':token'))"


def token_of(page):
    """Wait for the visitor token that the form returns, and return it."""
    wait_for(lambda: page.evaluate(TOKEN), "there is no token")
    return page.evaluate(f"JSON.parse(localStorage.getItem({TOKEN}))")


def set_token(page, token):
    token_of(page)
    page.evaluate(f"(token) => localStorage.setItem({TOKEN}, JSON.stringify(token))", token)


def test_site_that_is_no_longer_allowed_shows_an_error_and_keeps_the_text(site, page, tenants):
    site.open(page)
    page.get_by_role("button", name="Open chat").wait_for()
    configure_widget(tenants.north, allowed_domains=["shop.example"])  # changed while the page is open
    fill_form(page, "Please answer")
    expect_alert(page, "The chat is not available on this site.")
    assert page.locator("textarea[name=message]").input_value() == "Please answer"
    assert page.get_by_label("Name", exact=True).input_value() == "Maya A."
    assert not Visitor.objects.exists()
    configure_widget(tenants.north, allowed_domains=[])
    page.get_by_role("button", name="Start the chat").click()
    wait_until_stored(["Please answer"])


def test_widget_does_not_appear_on_sites_that_are_not_allowed(site, page, tenants):
    configure_widget(tenants.north, allowed_domains=["shop.example"])
    with page.expect_console_message(lambda message: "origin_not_allowed" in message.text):
        recorder = site.open(page)
    assert page.locator("#praxtalk").count() == 0
    assert [error for error in recorder.errors() if "403" not in error] == []


@pytest.mark.parametrize("whose", [*slow("forged"), "another brand's"])
def test_foreign_or_forged_token_opens_no_thread(site, page, tenants, whose):
    site.open(page)
    fill_form(page, "Hello?")
    wait_until_stored(["Hello?"])
    expect_message(page, "Hello?")
    stranger = Visitor.objects.create(workspace=tenants.globex, brand=tenants.west, name="Stranger")
    own = issue_token(Visitor.objects.get(brand=tenants.north))
    token_of(page)
    site.has_tag = False  # a loaded widget could use the token before the reload and report the error then
    page.reload()
    set_token(page, issue_token(stranger) if whose == "another brand's" else f"{own[:-4]}AAAA")
    site.has_tag = True
    page.reload()
    expect_alert(page, "This conversation is no longer available.")
    page.get_by_role("button", name="Start the chat").wait_for()
    assert in_widget(page, "root.textContent.includes('Hello?')") is False


def test_unsent_message_is_in_the_form_after_its_token_was_rejected(site, page):
    site.open(page)
    fill_form(page, "Hello?")
    wait_until_stored(["Hello?"])
    page.route("**/widget/v1/messages", lambda route: route.abort())
    with page.expect_event("requestfailed"):  # so that no attempt with the valid token is under way
        write_message(page, "Not to be lost")
    set_token(page, "forged")
    page.unroute("**/widget/v1/messages")
    expect_alert(page, "This conversation is no longer available.")
    page.reload()
    page.get_by_role("button", name="Start the chat").wait_for()
    assert "Not to be lost" in page.locator("textarea[name=message]").input_value()
    for label, value in {"Name": "Maya A.", "Email": "maya@example.com"}.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Start the chat").click()
    wait_for(lambda: any("Not to be lost" in body for body in stored_bodies()), "it is lost")


def test_invalid_identity_hash_is_logged_and_the_form_asks_for_the_name(site, page, tenants):
    identity = identity_of(tenants.north, name="Maya", email="maya@site.example") | {"hash": "0" * 64}
    site.html = f"<script>{QUEUE_STUB}; PraxTalk('identify', {json.dumps(identity)})</script>"
    messages = []
    page.on("console", lambda message: messages.append(message.text))
    site.open(page)
    page.get_by_role("button", name="Open chat").click()
    page.get_by_label("Name", exact=True).wait_for()
    assert any("identity_wrong" in text for text in messages) or any(text.startswith("PraxTalk:") for text in messages)
    for label, value in {"Name": "Maya A.", "Email": "maya@example.com"}.items():
        page.get_by_label(label, exact=True).fill(value)
    page.locator("textarea[name=message]").fill("I am nobody in particular")
    page.get_by_role("button", name="Start the chat").click()
    wait_until_stored(["I am nobody in particular"])
    assert Visitor.objects.get().external_id is None


def test_form_with_an_invalid_identity_is_shown_again(site, page, tenants):
    """The earlier identify request, which would have reported the error, failed."""
    page.route("**/widget/v1/identify", lambda route: route.abort())
    identity = identity_of(tenants.north, name="Maya") | {"hash": "0" * 64}
    site.html = f"<script>{QUEUE_STUB}; PraxTalk('identify', {json.dumps(identity)})</script>"
    site.open(page)
    page.get_by_role("button", name="Open chat").click()
    assert page.get_by_label("Name", exact=True).is_hidden()
    page.locator("textarea[name=message]").fill("Hello?")
    page.get_by_role("button", name="Start the chat").click()
    expect_alert(page, AGAIN)
    assert page.locator("textarea[name=message]").input_value() == "Hello?"
    for label, value in {"Name": "Maya A.", "Email": "maya@example.com"}.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Start the chat").click()
    wait_until_stored(["Hello?"])
    assert Visitor.objects.get().external_id is None


def exhaust_rate_limit(site, path, body, token=""):
    """Repeat a call until the server rejects it for at least 20 more seconds."""
    headers = {"Content-Type": "application/json", "Origin": site.url, "Authorization": f"Bearer {token}"}
    content = json.dumps({"widgetId": site.widget_id, "clientId": client_id()} | body).encode()
    request = urllib.request.Request(f"{site.host}/widget/v1/{path}", content, headers)
    while True:
        try:
            urllib.request.urlopen(request, timeout=20).close()
        except urllib.error.HTTPError as error:
            if error.code != 429:
                raise
            left = int(error.headers["Retry-After"])
            if left >= 20:
                return
            time.sleep(left)


def reset_rate_limits(page):
    """End the rate-limit window, on the server and in the page."""
    with redis.from_url(valkey_url()) as valkey:
        valkey.delete(*valkey.scan_iter("*limit:*"))
    page.clock.fast_forward(70_000)


def test_rate_limited_messages_wait_for_retry_after_and_are_sent(site, page):
    page.clock.install()
    site.open(page)
    fill_form(page, "Hello?")
    wait_until_stored(["Hello?"])
    page.get_by_text("Sending …").wait_for(state="hidden")
    token = token_of(page)
    exhaust_rate_limit(site, "messages", {"body": "many"}, token)
    for text in ("one", "two"):
        write_message(page, text)
    alert = page.get_by_text(TOO_MANY, exact=False)
    alert.wait_for()
    for text in ("one", "two"):
        expect_message(page, text)
    assert stored_bodies() == ["Hello?", "many"]
    reset_rate_limits(page)
    wait_until_stored(["Hello?", "many", "one", "two"])
    alert.wait_for(state="hidden")


def test_rate_limited_form_is_sent_after_the_window_ends(site, page):
    page.clock.install()
    site.open(page)
    exhaust_rate_limit(site, "start", {"name": "Bot", "email": "bot@example.com", "message": "many"})
    fill_form(page, "Hello?")
    page.get_by_text(TOO_MANY, exact=False).wait_for()
    expect_message(page, "Hello?")
    page.reload()
    expect_message(page, "Hello?")
    assert stored_bodies() == ["many"]
    reset_rate_limits(page)
    wait_until_stored(["many", "Hello?"])
    page.get_by_text("Sending …").wait_for(state="hidden")


def test_honeypot_field_blocks_bots_and_is_hidden_from_people(site, page):
    site.open(page)
    page.get_by_role("button", name="Open chat").click()
    trap = page.locator("input[name=website]")
    box = trap.bounding_box()
    assert (
        box["width"] <= 1
        or in_widget(page, "getComputedStyle(root.querySelector('[name=website]').parentElement).width") == "1px"
    )
    assert (trap.get_attribute("tabindex"), trap.get_attribute("autocomplete")) == ("-1", "off")
    trap.evaluate("(input) => { input.value = 'https://spam.example' }")
    for label, value in {"Name": "Bot", "Email": "bot@example.com"}.items():
        page.get_by_label(label, exact=True).fill(value)
    page.locator("textarea[name=message]").fill("Buy now")
    page.get_by_role("button", name="Start the chat").click()
    expect_alert(page, AGAIN)
    assert not Message.objects.exists()
    page.get_by_role("button", name="Start the chat").click()  # browsers that autofill the field are not locked out
    wait_until_stored(["Buy now"])


def test_widget_id_alone_opens_no_thread(site, page, browser):
    site.open(page)
    fill_form(page, "Private")
    wait_until_stored(["Private"])
    context = browser.new_context()
    thief = context.new_page()
    site.open(thief)
    statuses = thief.evaluate(
        """async ([host, id]) => Promise.all(["", "Bearer ", "Bearer x", `Bearer ${id}`].map(async (Authorization) => {
          const headers = Authorization ? { Authorization } : {};
          return (await fetch(`${host}/widget/v1/messages?widgetId=${id}`, { headers })).status;
        }))""",
        [site.host, site.widget_id],
    )
    assert statuses == [401] * 4
    context.close()
