"""What the inbox does by itself if the operator prefers it: assign on reply, open the next conversation, send with Enter."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from accounts.actions.preferences import update_preferences
from conversations.models import Conversation, Message
from tests.conftest import make_conversation
from tests.inbox.test_in_a_browser import row

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


def test_answer_take_resolve_and_next_need_three_keys(tenants, browsers):
    update_preferences(tenants.bob, assignOnReply=True, nextAfterResolving=True)
    conversations = [make_conversation(tenants.north, name=f"Visitor {number}") for number in range(2)]
    page = browsers.open(tenants.bob)
    row(page, "Visitor 1").click()
    expect(page.locator("#thread-pane h2")).to_have_text("Visitor 1")
    page.keyboard.press("r")
    page.keyboard.insert_text("Yes, we do.")
    page.keyboard.press("Control+Shift+Enter")
    expect(page.locator("#thread-pane h2")).to_have_text("Visitor 0")
    expect(row(page, "Visitor 1")).to_have_count(0)
    answered = Conversation.objects.get(pk=conversations[1].pk)
    assert (answered.status, answered.assignee) == ("resolved", tenants.bob)
    page.keyboard.press("e")
    expect(page.locator("#toast")).to_contain_text("All done")
    expect(page.locator("#thread-pane")).to_contain_text("Select a conversation")
    assert page.problems == []


def test_enter_sends_and_shift_enter_begins_a_line(tenants, conversations, browsers):
    update_preferences(tenants.bob, enterSends=True)
    page = browsers.open(tenants.bob, f"/app/inbox/{conversations.north.pk}/")
    page.get_by_role("textbox", name="Reply").click()
    page.keyboard.type("One")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("Two")
    page.keyboard.press("Enter")
    expect(page.locator(".entry.operator .body").last).to_have_text("One\nTwo", use_inner_text=True)
    expect(page.get_by_role("textbox", name="Reply")).to_have_value("")
    assert page.problems == []


def test_times_are_in_the_operators_own_time_zone(tenants, conversations, browsers):
    Message.objects.filter(conversation=conversations.north).update(created_at=datetime(2027, 1, 1, 20, 30, tzinfo=UTC))
    tenants.bob.time_zone = "Asia/Tokyo"
    tenants.bob.save()
    page = browsers.open(
        tenants.bob, f"/app/inbox/{conversations.north.pk}/", locale="en-GB", timezone_id="Europe/Berlin"
    )
    expect(page.locator(".entry").first).to_have_attribute("data-day", "Saturday 2 January")
    expect(page.locator(".entry time").first).to_have_text("05:30")


def test_formatting_keys_put_marks_around_the_selection_and_remove_them(tenants, conversations, browsers):
    page = browsers.open(tenants.bob, f"/app/inbox/{conversations.north.pk}/")
    field = page.get_by_role("textbox", name="Reply")
    field.fill("an order")
    field.evaluate("field => field.setSelectionRange(3, 8)")
    for key, text in (
        ("b", "an **order**"),
        ("b", "an order"),
        ("i", "an *order*"),
        ("b", "an ***order***"),
        ("i", "an **order**"),
    ):
        page.keyboard.press(f"Control+{key}")
        expect(field).to_have_value(text)
    field.fill("")
    page.keyboard.press("Control+e")
    page.keyboard.type("id")
    expect(field).to_have_value("`id`")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".entry.operator .body").last.locator("code")).to_have_text("id")
    assert page.problems == []
