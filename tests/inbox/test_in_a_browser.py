"""Browser tests of the inbox: two operators and a visitor, keyboard use, and an unreachable server."""

import re
from datetime import timedelta

import pytest
import time_machine
from playwright.sync_api import expect

from accounts.actions.operator_tokens import revoke_token
from accounts.models import OperatorSession
from conversations import actions
from conversations.actions.canned_replies import create_canned_reply
from conversations.models import Channel, Conversation, Message, Note
from leads.models import Lead
from tests.conftest import make_conversation
from tests.dashboard.test_pages_in_a_browser import HOSTILE, violations
from tests.live.conftest import need_node
from tests.live.driver import wait_for
from tests.tiers import slow

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


def add_message(conversation, body, role="visitor", author=None):
    conversation.refresh_from_db()
    return actions.send_message(conversation, role=Message.Role(role), body=body, channel=Channel.WIDGET, author=author)


def row(page, text):
    return page.locator(".row", has_text=text)


def reply(page, text):
    page.get_by_role("textbox", name="Reply").fill(text)
    page.get_by_role("button", name="Send", exact=True).click()


def path_of(conversation):
    return f"/app/inbox/{conversation.pk}/"


def test_two_operators_work_on_one_conversation(tenants, conversations, browsers):
    alice, bob = browsers.open(tenants.alice), browsers.open(tenants.bob)
    expect(alice.locator(".row")).to_have_count(2)
    expect(bob.locator(".row")).to_have_count(1)  # Bob sees only North
    expect(bob.locator("#views")).to_contain_text("Open 1")
    row(bob, "Maya").click()
    alice.goto(alice.url.replace("/inbox/", f"/inbox/{conversations.north.pk}/"))
    expect(alice.locator("#here")).to_contain_text("Bob is viewing")
    bob.get_by_role("textbox", name="Reply").press_sequentially("We are")
    expect(alice.locator("#here")).to_contain_text("Bob is typing")
    reply(bob, "We are on it.")
    expect(alice.get_by_role("log")).to_contain_text("We are on it.")
    add_message(conversations.north, "Thank you!")
    expect(bob.get_by_role("log")).to_contain_text("Thank you!")
    alice.get_by_role("button", name="Assign", exact=True).click()
    alice.get_by_role("dialog").get_by_role("button", name="Bob").click()
    expect(bob.get_by_role("log")).to_contain_text("Alice assigned this to Bob")
    alice.get_by_role("button", name="Note", exact=True).click()
    alice.get_by_role("textbox", name="Note").fill("Only for us")
    alice.get_by_role("button", name="Add note").click()
    expect(bob.locator(".entry.note")).to_contain_text("Only for us")
    bob.get_by_role("button", name="Resolve", exact=True).click()
    expect(alice.get_by_role("log")).to_contain_text("Bob resolved this")
    expect(bob.locator("#views")).to_contain_text("Resolved 1")
    assert not Message.objects.filter(body="Only for us").exists()
    assert Note.objects.get().author == tenants.alice
    assert alice.problems == bob.problems == []


def test_reply_is_held_back_until_a_colleagues_newer_reply_is_seen(tenants, conversations, browsers):
    alice, bob = (browsers.open(each, path_of(conversations.north)) for each in (tenants.alice, tenants.bob))
    field = bob.get_by_role("textbox", name="Reply")
    field.press_sequentially("Let me")
    expect(alice.locator("#here")).to_contain_text("Bob is typing")
    reply(alice, "I have it, Bob.")
    expect(bob.get_by_role("log")).to_contain_text("I have it, Bob.")
    field.press_sequentially(" see.")
    field.press("Control+Enter")
    held = bob.locator(".unsent")
    expect(held).to_contain_text("Not sent: Alice has already replied")
    assert not Message.objects.filter(body="Let me see.").exists()
    held.get_by_role("button", name="Edit").click()
    expect(field).to_have_value("Let me see.")
    field.press("Control+Enter")
    expect(bob.locator(".entry.operator:not(.unsent)", has_text="Let me see.")).to_be_visible()
    expect(held).to_have_count(0)
    assert Message.objects.filter(body="Let me see.").count() == 1
    assert bob.problems == []


def test_inbox_is_fully_usable_by_keyboard(tenants, conversations, browsers):
    create_canned_reply(tenants.acme.pk, shortcut="thanks", body="Thank you, {{visitor.name}}!")
    page = browsers.open(tenants.alice)
    expect(page.locator(".row")).to_have_count(2)
    press, type_ = page.keyboard.press, page.keyboard.type
    for key in ("j", "j", "k", "j", "Enter"):
        press(key)
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    press("r")
    type_("/tha")
    expect(page.get_by_role("option", name="/thanks")).to_be_visible()
    press("Enter")
    press("Control+Enter")
    expect(page.locator(".entry.operator").last).to_contain_text("Thank you, Maya A.!")
    press("Escape")
    press("n")
    type_("Ask @bo")
    press("Tab")
    type_("about it")
    press("Control+Enter")
    expect(page.locator(".entry.note")).to_contain_text("Ask @Bob about it")
    press("Escape")
    press("i")
    expect(page.locator("#thread-pane .status")).to_contain_text("Assigned to Alice")
    press("t")
    type_("urgent")
    press("Enter")
    expect(page.locator("#thread-pane .status")).to_contain_text("#urgent")
    press("l")
    expect(page.get_by_role("textbox", name="Name")).to_have_value("Maya A.")
    for _ in range(3):
        press("Tab")
    type_("Wants a lamp")
    press("Tab")
    press("Enter")
    press("z")
    press("ArrowDown")
    press("Enter")
    expect(page.locator("#thread-pane .status")).to_contain_text("Snoozed until")
    press("e")
    expect(page.locator("#thread-pane .status")).to_contain_text("Resolved")
    press("/")
    type_("Hello")
    expect(page.locator(".row")).to_have_count(2)
    press("Escape")
    expect(page.locator(".row")).to_have_count(1)
    wait_for(lambda: Lead.objects.filter(conversation=conversations.north, notes="Wants a lamp").count() == 1)
    press("Escape")
    press("?")
    expect(page.get_by_role("dialog")).to_contain_text("resolve or reopen")
    press("Escape")
    assert page.problems == []


def test_snoozed_conversation_reopens_when_the_snooze_ends(tenants, conversations, browsers):
    page = browsers.open(tenants.bob, path_of(conversations.north))
    page.get_by_role("button", name="Snooze", exact=True).click()
    page.get_by_role("button", name="Tomorrow, 9:00").click()
    expect(page.locator("#views")).to_contain_text("Snoozed 1")
    conversations.north.refresh_from_db()
    with time_machine.travel(conversations.north.snoozed_until - timedelta(seconds=1)):
        assert actions.wake_next_snoozed() is None
    with time_machine.travel(conversations.north.snoozed_until + timedelta(seconds=1)):
        actions.wake_next_snoozed()  # a worker runs this every ten seconds
    expect(page.get_by_role("log")).to_contain_text("Snooze ended")
    expect(page.locator("#views")).to_contain_text("Open 1")


def test_unread_count_is_shown_in_the_title_and_the_navigation(tenants, conversations, browsers):
    page = browsers.open(tenants.bob)
    expect(page).to_have_title(re.compile(r"^\(1\) Inbox"))
    expect(page.locator("#nav .badge")).to_have_text("1")
    row(page, "Maya").click()
    expect(page).to_have_title(re.compile("^Inbox"))
    page.locator("#views button", has_text="Open").click()
    page.goto(page.url.split("/app/")[0] + "/app/profile/")
    add_message(conversations.north, "Hello again")
    page.reload()
    expect(page.locator("#nav .badge")).to_have_text("1")


def test_new_messages_do_not_move_the_scrolled_list(tenants, conversations, browsers):
    for number in range(130):
        make_conversation(tenants.north, name=f"Visitor {number}")
    page = browsers.open(tenants.bob)
    expect(page.locator(".row").first).to_contain_text("Visitor 129")
    page.locator("#list").evaluate("list => list.scrollTop = 3000")
    expect(row(page, "Visitor 90")).to_be_visible()
    place = row(page, "Visitor 90").bounding_box()["y"]
    add_message(conversations.north, "Me first")
    expect(page.locator("#fresh")).to_have_text("1 new ↑")
    assert row(page, "Visitor 90").bounding_box()["y"] == place
    page.locator("#list").evaluate("list => list.scrollTop = 1e6")
    page.wait_for_timeout(500)
    page.locator("#list").evaluate("list => list.scrollTop = 1e6")
    expect(row(page, "Visitor 0")).to_be_visible()
    assert page.locator(".row").count() <= 60
    page.locator("#fresh").click()
    expect(page.locator(".row", has_text="Me first")).to_be_visible()
    assert page.problems == []


def test_selected_conversations_are_resolved_together(tenants, conversations, browsers):
    page = browsers.open(tenants.alice)
    expect(page.locator(".row")).to_have_count(2)
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    expect(page.locator("#many")).to_contain_text("2 conversations selected")
    page.locator("#many").get_by_role("button", name="Resolve", exact=True).click()
    expect(page.locator("#list-note")).to_have_text("No conversations.")
    wait_for(lambda: Conversation.objects.filter(workspace=tenants.acme, status="resolved").count() == 2)


def test_revoked_token_is_replaced_and_ended_session_is_shown(tenants, conversations, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    for session in OperatorSession.objects.filter(operator=tenants.alice):
        revoke_token(session)
    add_message(conversations.north, "After the first token")
    expect(page.get_by_role("log")).to_contain_text("After the first token")
    page.context.clear_cookies()
    for session in OperatorSession.objects.filter(operator=tenants.alice):
        revoke_token(session)
    expect(page.locator("#connection")).to_contain_text("You are signed out")
    assert "/app/login/?next=/app/inbox/" in page.get_by_role("link", name="Sign in again").get_attribute("href")


def test_signing_out_ends_the_other_tabs_of_that_browser_only(tenants, conversations, browsers):
    page, elsewhere = (browsers.open(tenants.alice, path_of(conversations.north)) for _ in range(2))
    for each in (page, elsewhere):
        expect(each.get_by_role("log")).to_contain_text("Hello?")
    tab = page.context.new_page()
    tab.goto(page.url.split("/app/")[0] + "/app/profile/")
    tab.locator("#account-menu summary").click()
    tab.get_by_role("button", name="Sign out").click()
    expect(page.locator("#connection")).to_contain_text("You are signed out")
    add_message(conversations.north, "After that")
    expect(elsewhere.get_by_role("log")).to_contain_text("After that")  # another browser, which is still signed in
    assert "After that" not in page.get_by_role("log").inner_text()


def test_conversations_of_other_brands_are_not_found(tenants, conversations, browsers):
    page = browsers.open(tenants.bob)
    response = page.goto(page.url.replace("/inbox/", f"/inbox/{conversations.south.pk}/"))
    assert response.status == 404
    page.goto(page.url.split("/app/")[0] + "/app/inbox/")
    page.evaluate("id => history.pushState(null, '', `/app/inbox/${id}/`)", str(conversations.south.pk))
    page.evaluate("dispatchEvent(new PopStateEvent('popstate'))")
    expect(page.locator("#thread-pane")).to_contain_text("This conversation does not exist")


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (1440, "light"),
        *slow((390, "dark"), (1440, "dark"), (390, "light"), (1024, "light"), (1024, "dark")),
    ],
)
def test_inbox_has_no_accessibility_violations(tenants, conversations, browsers, scheme, width):
    need_node()
    conversations.north.visitor.name = HOSTILE[:200]
    conversations.north.visitor.save()
    add_message(conversations.north, HOSTILE)
    actions.write_note(conversations.north, author=tenants.bob, body=HOSTILE)
    actions.create_tag(tenants.acme.pk, name=HOSTILE[:40])
    conversations.north.refresh_from_db()
    actions.set_status(conversations.north, status="snoozed")
    actions.set_status(conversations.north, status="open")
    page = browsers.open(tenants.alice, color_scheme=scheme, viewport={"width": width, "height": 860})
    row(page, "<img").first.wait_for()
    assert violations(page) == []
    row(page, "<img").first.click()
    page.locator(".entry.note").wait_for()
    assert violations(page) == []
    for key in "aztl?":
        page.keyboard.press(key)
        page.get_by_role("dialog").wait_for()
        assert violations(page) == [], key
        page.keyboard.press("Escape")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("window.ran") is None
    assert page.problems == []
