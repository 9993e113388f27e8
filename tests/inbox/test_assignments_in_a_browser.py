"""Browser tests: operators are alerted by sound and on screen about assignments and ended snoozes."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from playwright.sync_api import expect

from accounts.actions.preferences import update_preferences
from conversations import actions
from tests.conftest import make_conversation
from tests.inbox.test_in_a_browser import path_of, row
from tests.live.driver import wait_for

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]

# Records sounds and notifications that the page creates; the browser still plays and shows them. Pages under
# Playwright always have the focus, so `hasFocus` is replaced.
RECORD_ALERTS = """
  globalThis.sounds = 0;
  globalThis.notifications = [];
  const create = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () { sounds++; return create.call(this); };
  const Real = Notification;
  globalThis.Notification = class extends Real {
    constructor(title, options) { super(title, options); notifications.push(title); }
  };
  Document.prototype.hasFocus = () => false;
"""


def open_recording_alerts(browsers, operator, path="/app/inbox/"):
    update_preferences(operator, desktop=True)
    page = browsers.open(operator)
    page.context.grant_permissions(["notifications"])
    page.add_init_script(RECORD_ALERTS)
    page.goto(page.url.split("/app/")[0] + path)
    expect(page.locator("#views")).to_contain_text("Open")
    expect(page.locator(".row").first).to_be_visible()
    page.mouse.click(5, 5)  # browsers allow sound only after the user has interacted with the page
    return page


def test_new_assignee_gets_a_sound_a_notification_and_an_entry(tenants, conversations, browsers):
    bob = open_recording_alerts(browsers, tenants.bob)
    alice = browsers.open(tenants.alice, path_of(conversations.north))
    alice.get_by_role("button", name="Assign", exact=True).click()
    alice.get_by_role("dialog").get_by_role("button", name="Bob").click()
    entry = bob.locator("#assignments a")
    expect(entry).to_have_text("Alice assigned Maya A. to you")
    expect(bob.locator("#toast")).to_have_text("Alice assigned Maya A. to you")
    wait_for(lambda: bob.evaluate("sounds") == 1)
    wait_for(lambda: bob.evaluate("notifications.includes('Alice assigned Maya A. to you')"))
    expect(alice.locator("#assignments a")).to_have_count(0)
    entry.click()
    expect(bob.get_by_role("log")).to_contain_text("Alice assigned this to Bob")
    expect(entry).to_have_count(0)
    assert alice.problems == bob.problems == []


def test_taking_a_colleagues_conversation_asks_once_and_tells_them(tenants, conversations, browsers):
    actions.assign(conversations.north, operator=tenants.bob)
    actions.touch_presence(conversations.north, operator=tenants.bob, is_typing=False)
    bob = open_recording_alerts(browsers, tenants.bob)
    alice = browsers.open(tenants.alice, path_of(conversations.north))
    expect(alice.locator("#thread-pane .status")).to_contain_text("Assigned to Bob")
    alice.keyboard.press("i")
    expect(alice.get_by_role("dialog")).to_contain_text("Bob has this conversation. Take it?")
    alice.get_by_role("button", name="Cancel").click()
    expect(alice.locator("#thread-pane .status")).to_contain_text("Assigned to Bob")
    alice.keyboard.press("i")
    alice.get_by_role("button", name="Take it", exact=True).click()
    expect(alice.locator("#thread-pane .status")).to_contain_text("Assigned to Alice")
    expect(bob.locator("#toast")).to_have_text("Alice took Maya A. from you")
    expect(bob.locator("#assignments a")).to_have_text("Alice took Maya A. from you")
    wait_for(lambda: bob.evaluate("[sounds, notifications]") == [1, ["Alice took Maya A. from you"]])
    bob.get_by_role("button", name="Dismiss").click()
    expect(bob.locator("#assignments a")).to_have_count(0)
    actions.assign(conversations.north, operator=None)
    expect(alice.locator("#thread-pane .status")).to_contain_text("Unassigned")
    alice.keyboard.press("i")  # nobody has it
    expect(alice.locator("#thread-pane .status")).to_contain_text("Assigned to Alice")
    assert alice.problems == bob.problems == []


def test_bulk_assignment_is_shown_as_one_entry(tenants, conversations, browsers):
    for number in range(5):
        make_conversation(tenants.north, name=f"Visitor {number}")
    bob, alice = open_recording_alerts(browsers, tenants.bob), browsers.open(tenants.alice)
    expect(alice.locator(".row")).to_have_count(7)
    for _ in range(5):
        alice.keyboard.press("j")
        alice.keyboard.press("x")
    alice.locator("#many").get_by_role("button", name="Assign").click()
    alice.get_by_role("dialog").get_by_role("button", name="Bob").click()
    expect(bob.locator("#assignments a")).to_have_text("Alice assigned 5 conversations to you")
    bob.locator("#assignments a").click()
    expect(bob.locator("#views [aria-current]")).to_contain_text("Mine 5")
    bob.get_by_role("button", name="Dismiss").click()
    expect(bob.locator("#assignments a")).to_have_count(0)


def test_assigning_to_oneself_raises_no_alert(tenants, conversations, browsers):
    bob = open_recording_alerts(browsers, tenants.bob, path_of(conversations.north))
    expect(bob.get_by_role("log")).to_contain_text("Hello?")
    bob.keyboard.press("i")
    expect(bob.locator("#thread-pane .status")).to_contain_text("Assigned to Bob")
    bob.wait_for_timeout(500)
    assert bob.evaluate("[sounds, notifications.length]") == [0, 0]
    expect(bob.locator("#assignments a")).to_have_count(0)


def test_ended_snooze_raises_an_alert_and_moves_to_the_top(tenants, conversations, browsers):
    actions.assign(conversations.north, operator=tenants.bob)
    actions.touch_presence(conversations.north, operator=tenants.bob, is_typing=False)
    until = timezone.now() + timedelta(hours=1)
    actions.set_status(conversations.north, status="snoozed", snoozed_until=until)
    newer = make_conversation(tenants.north, name="Newer")
    actions.assign(newer, operator=tenants.alice)
    bob, alice = open_recording_alerts(browsers, tenants.bob), browsers.open(tenants.alice)
    expect(bob.locator(".row")).to_have_count(1)
    expect(bob).to_have_title(re.compile("^Inbox"))
    with time_machine.travel(until + timedelta(seconds=1)):
        actions.wake_next_snoozed()  # a worker runs this every ten seconds
    expect(bob).to_have_title(re.compile(r"^\(1\) Inbox"))
    for page in (bob, alice):
        expect(page.locator(".row[aria-posinset='1']")).to_contain_text("Maya A.")
    expect(bob.locator(".row.unread[aria-posinset='1']")).to_be_visible()
    wait_for(lambda: bob.evaluate("sounds") == 1)
    wait_for(lambda: bob.evaluate("notifications[0]") == "Snooze ended: Maya A.")
    row(bob, "Maya A.").click()
    expect(bob.locator(".activity").last).to_contain_text("Snooze ended")
    expect(bob).to_have_title(re.compile("^Inbox"))
    assert bob.problems == []


def test_conversations_of_a_deactivated_operator_go_to_the_chosen_successor(tenants, conversations, browsers):
    actions.assign(conversations.north, operator=tenants.bob)
    alice = browsers.open(tenants.alice, f"/app/team/{tenants.bob.pk}/change/")
    expect(alice.locator(".field-successor")).to_contain_text("1 open or snoozed conversation is assigned to Bob")
    alice.get_by_label("Active").uncheck()
    alice.get_by_label("Reassign conversations to").select_option(label="Alice")
    alice.get_by_role("button", name="Save", exact=True).click()
    expect(alice.locator(".messagelist")).to_contain_text("1 conversation was reassigned.")
    alice.goto(alice.url.split("/app/")[0] + "/app/inbox/?view=mine")
    expect(alice.locator(".row")).to_have_count(1)
    assert alice.problems == []
