"""What the inbox does by itself if the operator prefers it: assign on reply, open the next conversation, send with Enter."""

import pytest
from playwright.sync_api import expect

from accounts.actions.preferences import update_preferences
from conversations.models import Conversation
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
