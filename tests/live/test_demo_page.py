"""The page with the live inbox, static/live/demo.html, in a real Chromium."""

import re

import pytest
from playwright.sync_api import expect

from tests.conftest import make_talk
from tests.live.driver import wait_for

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]

HOSTILE = "<img src=x onerror=alert(1)> & <b>bold</b>"


@pytest.fixture
def demo(page, scene):
    """Signed in as Alice. `problems` is what went wrong on the page, and each request to elsewhere."""
    page.problems = []
    page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("request", lambda sent: None if sent.url.startswith(scene.url) else page.problems.append(sent.url))
    page.goto(f"{scene.url}/static/live/demo.html")
    sign_in(page, scene.token)
    yield page
    page.close()  # before the tables are emptied


def sign_in(page, token):
    page.get_by_label("Operator token").fill(token)
    page.get_by_role("button", name="Show the inbox").click()


def test_conversations_come_and_go_by_themselves(scene, demo):
    conversations = demo.get_by_role("navigation").get_by_role("link")
    expect(demo.get_by_role("status")).to_have_text("Live")
    expect(conversations).to_have_count(1)
    make_talk(scene.cast.south, name=HOSTILE, body=HOSTILE)
    expect(conversations).to_have_count(2)
    expect(conversations.first).to_contain_text(HOSTILE)
    scene.send_by_rest("on top again")
    expect(conversations.first).to_contain_text("on top again")
    scene.rest("PATCH", f"/conversations/{scene.id}", {"status": "resolved"})
    expect(conversations).to_have_count(1)
    conversations.first.click()
    expect(demo.get_by_role("log")).to_contain_text(HOSTILE)
    assert demo.problems == []


def test_a_thread_is_read_and_answered(scene, demo):
    messages = demo.get_by_role("log").get_by_role("article")
    demo.get_by_role("link", name="Maya A.").click()
    expect(demo.get_by_role("heading", name="Maya A.")).to_be_focused()
    expect(messages).to_have_text([re.compile("Hello\\?Visitor")])
    demo.get_by_label("Reply").fill("Two\nlines")
    demo.keyboard.press("Enter")
    expect(messages.last).to_contain_text("Two\nlinesAlice, ")
    expect(demo.get_by_label("Reply")).to_be_empty()
    scene.send_by_rest("and more")
    expect(messages.last).to_contain_text("and more")
    demo.get_by_label("Reply").fill("by the button")
    demo.get_by_role("button", name="Send").click()
    expect(messages.last).to_contain_text("by the button")
    expect(demo.locator(".pending")).to_have_count(0)
    expect(messages).to_have_count(4)
    assert scene.bodies() == ["Hello?", "Two\nlines", "and more", "by the button"]
    assert demo.problems == []


def test_what_was_typed_is_not_lost(scene, demo):
    make_talk(scene.cast.south, name="Tom B.")
    demo.get_by_role("link", name="Maya A.").click()
    demo.get_by_label("Reply").fill("half a sen")
    demo.get_by_role("link", name="Tom B.").click()
    expect(demo.get_by_label("Reply")).to_be_empty()
    demo.go_back()
    expect(demo.get_by_role("heading", name="Maya A.")).to_be_visible()
    expect(demo.get_by_label("Reply")).to_have_value("half a sen")
    demo.get_by_label("Reply").evaluate("(field) => { field.removeAttribute('maxlength') }")
    demo.get_by_label("Reply").fill("x" * 10_001)
    demo.keyboard.press("Enter")
    expect(demo.get_by_role("alert").filter(has_text="Not sent.")).to_be_visible()
    expect(demo.get_by_label("Reply")).to_have_value("x" * 10_001)
    assert scene.bodies() == ["Hello?"]


def test_the_token_stays_in_the_tab_until_one_signs_out(scene, demo):
    expect(demo.get_by_role("link", name="Maya A.")).to_be_visible()
    demo.reload()
    expect(demo.get_by_role("link", name="Maya A.")).to_be_visible()
    assert scene.token not in demo.url
    assert demo.evaluate("localStorage.length") == 0
    demo.get_by_role("button", name="Sign out").click()
    expect(demo.get_by_role("link", name="Maya A.")).to_have_count(0)
    expect(demo.get_by_label("Operator token")).to_be_focused()
    demo.reload()
    expect(demo.get_by_label("Operator token")).to_be_empty()


def test_a_token_that_is_revoked_signs_out_with_the_reason(scene, demo):
    demo.get_by_role("button", name="Sign out").click()
    made = scene.rest("POST", "/operator-sessions", {"email": "alice@acme.example"})
    sign_in(demo, made["token"])
    expect(demo.get_by_role("link", name="Maya A.")).to_be_visible()
    scene.rest("DELETE", f"/operator-sessions/{made['sessionId']}")
    expect(demo.get_by_role("alert").filter(has_text="Sign in again")).to_be_visible()
    expect(demo.get_by_role("link", name="Maya A.")).to_have_count(0)
    sign_in(demo, scene.token)
    expect(demo.get_by_role("link", name="Maya A.")).to_be_visible()


def test_on_a_phone_one_thing_at_a_time(scene, demo):
    demo.set_viewport_size({"width": 390, "height": 844})
    make_talk(scene.cast.south, name="N" * 200, body="w" * 300)
    link = demo.get_by_role("link", name="NNN")
    link.click()
    expect(link).to_be_hidden()
    expect(demo.get_by_label("Reply")).to_be_in_viewport(ratio=1)
    expect(demo.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)
    wait_for(lambda: demo.locator(".message").count() == 1)
    assert demo.evaluate("document.documentElement.scrollWidth") == 390
    demo.get_by_role("link", name="Inbox").click()
    expect(link).to_be_visible()
    expect(demo.get_by_label("Reply")).to_be_hidden()
    assert demo.evaluate("document.documentElement.scrollWidth") == 390
