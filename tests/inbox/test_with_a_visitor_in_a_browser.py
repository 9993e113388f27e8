"""Browser tests with a visitor in the widget and two operators in the inbox: what each sees of the others."""

import pytest
from playwright.sync_api import expect

from conversations.models import Conversation
from integrations.models import Event
from tests.inbox.test_in_a_browser import reply, row
from tests.live.driver import wait_for
from tests.widget.conftest import Site
from tests.widget.test_conversation import expect_message, fill_form, write_message

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


@pytest.fixture
def site(tenants, server):
    opened = Site(server.url, tenants.north.widget_id)
    yield opened
    opened.close()


def test_conversation_from_first_message_to_rating_is_visible_to_both_sides(
    tenants, api_client, webhooks, site, page, browsers
):
    alice, bob = browsers.open(tenants.alice), browsers.open(tenants.bob)
    site.open(page)
    fill_form(page, "Do you ship to Addis Ababa?")
    row(bob, "Addis Ababa").click()
    row(alice, "Addis Ababa").click()
    expect(alice.locator("#visitor-pane")).to_contain_text("Chrom")
    expect(alice.locator("#visitor-pane")).to_contain_text("localhost")
    widget = page.get_by_placeholder("Write a message …")
    widget.press_sequentially("By")
    expect(bob.locator("#here")).to_contain_text("is typing")
    bob.get_by_role("textbox", name="Reply").press_sequentially("Yes")
    expect(alice.locator("#here")).to_contain_text("Bob is typing")
    page.get_by_text("typing").first.wait_for()
    reply(bob, "Yes, within three days.")
    expect_message(page, "Yes, within three days.")
    expect(alice.get_by_role("log")).to_contain_text("Seen")
    bob.get_by_role("button", name="Note", exact=True).click()
    bob.get_by_role("textbox", name="Note").fill("He is from the embassy")
    bob.get_by_role("button", name="Add note").click()
    expect(alice.locator(".entry.note")).to_contain_text("embassy")
    bob.get_by_role("button", name="Resolve", exact=True).click()
    page.get_by_role("button", name="Good", exact=True).click()
    page.get_by_label("Tell us more (optional)").wait_for()  # until then, the last Send is that of the composer
    page.get_by_role("button", name="Send").last.click()
    expect(alice.get_by_role("log")).to_contain_text("rated this 🙂 4 of 5")
    expect(alice.locator("#thread-pane .status")).to_contain_text("Rated 🙂 4 of 5")
    write_message(page, "Thank you!")
    expect(alice.get_by_role("log")).to_contain_text("Thank you!")
    expect(alice.locator("#thread-pane .status")).to_contain_text("Open")
    conversation = Conversation.objects.get()
    exported = (
        api_client.get(f"/api/v1/conversations/{conversation.pk}").content
        + api_client.get(f"/api/v1/messages?conversationId={conversation.pk}").content
    )
    sent = b"".join(bytes(event.body) for event in Event.objects.all())
    assert b"three days" in exported
    assert b"three days" in sent
    assert b"embassy" not in exported + sent
    assert page.get_by_text("embassy").count() == 0
    assert alice.problems == bob.problems == []


def test_blocked_visitor_cannot_write_until_unblocked(tenants, site, page, browsers):
    alice = browsers.open(tenants.alice)
    site.open(page)
    fill_form(page, "Buy my pills")
    row(alice, "pills").click()
    alice.get_by_role("button", name="Block the visitor").click()
    expect(alice.get_by_role("dialog")).to_contain_text("Their messages will be rejected.")
    alice.get_by_role("dialog").get_by_role("button", name="Block the visitor").click()
    expect(alice.locator("#visitor-pane")).to_contain_text("their messages are rejected")
    expect(alice.get_by_role("log")).to_contain_text("Alice blocked the visitor")
    write_message(page, "Buy them now")
    page.wait_for_timeout(1000)
    wait_for(lambda: Conversation.objects.get().message_count == 1)
    alice.get_by_role("button", name="Unblock the visitor").click()
    expect(alice.get_by_role("log")).to_contain_text("unblocked the visitor")
