"""The list of conversations: what it shows stands in the address, and keys reach only what is in it."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from conversations import actions
from conversations.models import Conversation
from praxtalk.core.api.pagination import MAX_LIMIT
from tests.conftest import make_talk
from tests.inbox.test_in_a_browser import row, says

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


def test_the_list_goes_on_where_a_conversation_has_left_it(cast, talks, browsers):
    for number in range(6):
        make_talk(cast.north, name=f"Visitor {number}")
    page = browsers.open(cast.bob)
    expect(page.locator(".row").first).to_contain_text("Visitor 5")
    for key in ("j", "j", "j", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#thread-pane h2")).to_have_text("Visitor 3")
    page.keyboard.press("e")
    expect(row(page, "Visitor 3")).to_have_count(0)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#thread-pane h2")).to_have_text("Visitor 2")


def test_what_is_shown_stands_in_the_address(cast, talks, browsers):
    actions.create_tag(cast.acme.pk, name="vip")
    page = browsers.open(cast.alice)
    page.locator("#views button", has_text="Resolved").click()
    page.get_by_label("Brand").select_option("South")
    actions.set_status(talks.south, status="resolved")
    row(page, "Maya A.").click()
    page.reload()
    expect(page.locator("#thread-pane .status")).to_contain_text("South · Resolved")
    expect(page.get_by_label("Brand")).to_have_value(str(cast.south.pk))
    expect(page.locator("#views [aria-current]")).to_contain_text("Resolved 1")
    expect(page.locator("#views")).to_contain_text("Open 0")  # of South
    page.get_by_label("Assignee").select_option("Bob")
    expect(page.locator("#list-note")).to_have_text("Nothing here.")
    page.locator("#views button", has_text="Mine").click()
    expect(page.get_by_label("Assignee")).to_have_value("")  # mine are not Bob's
    page.get_by_label("Search").fill("Maya")
    expect(row(page, "Maya A.")).to_have_count(1)
    assert "Maya" not in page.url
    page.get_by_label("Brand").select_option("")
    page.go_back()
    expect(page.locator("#thread-pane")).to_contain_text("Choose a conversation")
    assert page.problems == []


def test_keys_reach_only_what_is_in_the_list(cast, talks, browsers):
    walt = make_talk(cast.north, name="Walt")
    page = browsers.open(cast.alice)
    expect(page.locator(".row")).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#many")).to_contain_text("1 conversation chosen")
    actions.set_status(walt, status="closed")  # by a colleague
    expect(page.locator("#many")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("Maya A")  # Walt has the same address
    expect(page.locator("#views [aria-current]")).to_have_count(0)
    expect(page.locator(".row")).to_have_count(2)
    for key in ("Enter", "Enter", "x"):
        page.keyboard.press(key)
    expect(page.locator("#many")).to_be_hidden()
    expect(page.locator("#thread-pane")).to_contain_text("Choose a conversation")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#thread-pane h2")).to_have_text("Maya A.")
    page.locator(".row").last.click(modifiers=["Shift"])
    expect(page.locator("#many")).to_contain_text("2 conversations chosen")
    page.keyboard.press("Escape")
    expect(page.locator("#many")).to_be_hidden()


def test_more_than_the_server_changes_at_once_are_changed_in_parts(cast, talks, browsers):
    oldest = make_talk(cast.north, name="Oldest")
    Conversation.objects.filter(pk=oldest.pk).update(last_activity_at=oldest.created_at - timedelta(days=9))
    for number in range(MAX_LIMIT + 5):
        make_talk(cast.north, name=f"Visitor {number}")
    page = browsers.open(cast.alice)
    expect(row(page, "Visitor 104")).to_be_visible()
    page.keyboard.press("j")
    for _ in range(20):
        page.locator("#list").evaluate("list => list.scrollTo(0, 1e9)")
        page.wait_for_timeout(100)
        if row(page, "Oldest").count():
            break
    row(page, "Oldest").click(modifiers=["Shift"])
    expect(page.locator("#many")).to_contain_text("108 conversations chosen")
    page.locator("#many").get_by_role("button", name="Resolve").click()
    expect(page.locator("#views")).to_contain_text("Open 0")
    assert Conversation.objects.filter(workspace=cast.acme, status="resolved").count() == 108
    assert page.problems == []


def test_a_second_message_of_the_same_visitor_is_heard_too(cast, talks, browsers):
    page = browsers.open(cast.bob)
    page.evaluate(
        """() => {
          window.rung = 0;
          const make = AudioContext.prototype.createOscillator;
          AudioContext.prototype.createOscillator = function () { window.rung++; return make.call(this); };
        }"""
    )
    page.locator("#list").click(position={"x": 20, "y": 400})
    expect(row(page, "Maya A.")).to_have_count(1)
    for number in range(1, 4):
        says(talks.north, f"Message {number}")
        expect(row(page, f"Message {number}")).to_be_visible()
        page.wait_for_function("wanted => window.rung === wanted", arg=number)
    says(talks.north, "Mine", "operator", cast.alice)
    expect(row(page, "Mine")).to_be_visible()
    row(page, "Maya A.").click()
    expect(page.get_by_role("log")).to_contain_text("Mine")
    says(talks.north, "While Bob looks")
    expect(page.get_by_role("log")).to_contain_text("While Bob looks")
    assert page.evaluate("window.rung") == 3
