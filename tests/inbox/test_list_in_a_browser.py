"""Browser tests of the conversation list: filters are part of the URL, and shortcuts act only on listed conversations."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from conversations import actions
from conversations.models import Conversation, Message
from praxtalk.core.api.pagination import MAX_LIMIT
from tests.conftest import make_conversation
from tests.inbox.test_in_a_browser import add_message, row

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


def test_cursor_stays_in_place_when_a_conversation_leaves_the_list(tenants, conversations, browsers):
    for number in range(6):
        make_conversation(tenants.north, name=f"Visitor {number}")
    page = browsers.open(tenants.bob)
    expect(page.locator(".row").first).to_contain_text("Visitor 5")
    for key in ("j", "j", "j", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#thread-pane h2")).to_have_text("Visitor 3")
    page.keyboard.press("e")
    expect(row(page, "Visitor 3")).to_have_count(0)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#thread-pane h2")).to_have_text("Visitor 2")


def test_filters_are_kept_in_the_url_except_the_search_text(tenants, conversations, browsers):
    actions.create_tag(tenants.acme.pk, name="vip")
    page = browsers.open(tenants.alice)
    page.locator("#views button", has_text="Resolved").click()
    page.get_by_label("Brand").select_option("South")
    actions.set_status(conversations.south, status="resolved")
    row(page, "Maya A.").click()
    page.reload()
    expect(page.locator("#thread-pane .status")).to_contain_text("South · Resolved")
    expect(page.get_by_label("Brand")).to_have_value(str(tenants.south.pk))
    expect(page.locator("#views [aria-current]")).to_contain_text("Resolved 1")
    expect(page.locator("#views")).to_contain_text("Open 0")  # only South is counted
    page.get_by_label("Assignee").select_option("Bob")
    expect(page.locator("#list-note")).to_have_text("No conversations.")
    page.locator("#views button", has_text="Mine").click()
    expect(page.get_by_label("Assignee")).to_have_value("")  # the view "Mine" excludes a filter for Bob
    page.get_by_label("Search").fill("Maya")
    expect(row(page, "Maya A.")).to_have_count(1)
    assert "Maya" not in page.url
    page.get_by_label("Brand").select_option("")
    page.go_back()
    expect(page.locator("#thread-pane")).to_contain_text("Select a conversation")
    assert page.problems == []


def test_search_shows_the_message_it_found_with_its_date_and_the_status(tenants, conversations, browsers):
    old = add_message(conversations.north, "Where is <b>my</b> parcel <A77123>, sent to Köln?")
    Message.objects.filter(pk=old.pk).update(created_at=old.created_at - timedelta(days=700))
    add_message(conversations.north, "Hello again")
    actions.set_status(conversations.north, status="resolved")
    page = browsers.open(tenants.alice)
    page.get_by_label("Search").fill("koeln a77")
    result = row(page, "Maya A.")
    expect(result.locator("p").first).to_have_text("…is <b>my</b> parcel <A77123>, sent to Köln?")
    expect(result.locator("mark")).to_have_text(["A77123", "Köln"])
    expect(result.locator("time")).to_contain_text(str((old.created_at - timedelta(days=700)).year))
    expect(result.locator(".foot")).to_contain_text("Resolved")
    page.get_by_label("Search").fill("maya")  # matches the visitor, so the row shows the newest message
    expect(result.filter(has_text="Hello again")).to_have_count(1)
    expect(page.locator("mark")).to_have_count(0)
    assert page.problems == []


def test_shortcuts_and_selection_apply_only_to_listed_conversations(tenants, conversations, browsers):
    walt = make_conversation(tenants.north, name="Walt")
    page = browsers.open(tenants.alice)
    expect(page.locator(".row")).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#many")).to_contain_text("1 conversation selected")
    actions.set_status(walt, status="closed")  # as a colleague would
    expect(page.locator("#many")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("Maya A")  # Walt has the same e-mail address
    expect(page.locator("#views [aria-current]")).to_have_count(0)
    expect(page.locator(".row")).to_have_count(2)
    for key in ("Enter", "Enter", "x"):
        page.keyboard.press(key)
    expect(page.locator("#many")).to_be_hidden()
    expect(page.locator("#thread-pane")).to_contain_text("Select a conversation")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#thread-pane h2")).to_have_text("Maya A.")
    page.locator(".row").last.click(modifiers=["Shift"])
    expect(page.locator("#many")).to_contain_text("2 conversations selected")
    page.keyboard.press("Escape")
    expect(page.locator("#many")).to_be_hidden()


def test_bulk_change_above_the_server_limit_is_split_into_batches(tenants, conversations, browsers):
    oldest = make_conversation(tenants.north, name="Oldest")
    Conversation.objects.filter(pk=oldest.pk).update(last_activity_at=oldest.created_at - timedelta(days=9))
    for number in range(MAX_LIMIT + 5):
        make_conversation(tenants.north, name=f"Visitor {number}")
    page = browsers.open(tenants.alice)
    expect(row(page, "Visitor 104")).to_be_visible()
    page.keyboard.press("j")
    for _ in range(20):
        page.locator("#list").evaluate("list => list.scrollTo(0, 1e9)")
        page.wait_for_timeout(100)
        if row(page, "Oldest").count():
            break
    row(page, "Oldest").click(modifiers=["Shift"])
    expect(page.locator("#many")).to_contain_text("108 conversations selected")
    page.locator("#many").get_by_role("button", name="Resolve").click()
    expect(page.locator("#views")).to_contain_text("Open 0")
    assert Conversation.objects.filter(workspace=tenants.acme, status="resolved").count() == 108
    assert page.problems == []


def test_each_new_visitor_message_plays_a_sound(tenants, conversations, browsers):
    page = browsers.open(tenants.bob)
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
        add_message(conversations.north, f"Message {number}")
        expect(row(page, f"Message {number}")).to_be_visible()
        page.wait_for_function("wanted => window.rung === wanted", arg=number)
    add_message(conversations.north, "Mine", "operator", tenants.alice)
    expect(row(page, "Mine")).to_be_visible()
    row(page, "Maya A.").click()
    expect(page.get_by_role("log")).to_contain_text("Mine")
    add_message(conversations.north, "While Bob looks")
    expect(page.get_by_role("log")).to_contain_text("While Bob looks")
    assert page.evaluate("window.rung") == 3


WATCH_ROWS = """() => {
  globalThis.changes = [];
  new MutationObserver((records) => records.forEach(({ target }) => {
    const element = target.closest ? target : target.parentElement;
    const row = element.closest(".row");
    if (row) changes.push(`${row.querySelector("strong").textContent}: ${element.className || element.localName}`);
  })).observe(document.querySelector("#list"), { subtree: true, childList: true, characterData: true, attributes: true });
  const now = Date.now;
  Date.now = () => now() + 60_000;
  document.querySelector("#list").dispatchEvent(new Event("scroll")); // draws the list, as its timer does
}"""


def test_rows_show_how_long_their_visitors_wait(tenants, conversations, browsers):
    def wait(name, **since):
        conversation = make_conversation(tenants.north, name=name)
        moment = timezone.now() - timedelta(**since)
        times = ("waiting_since", "last_activity_at", "last_message_at")
        Conversation.objects.filter(pk=conversation.pk).update(**dict.fromkeys(times, moment))

    wait("Amina", minutes=12, seconds=30)
    wait("Zoe", hours=3, minutes=5)
    wait("Walt", days=2, minutes=5)
    page = browsers.open(tenants.bob)
    page.get_by_label("Order").select_option("Longest waiting")
    expect(page.locator(".row strong")).to_have_text(["Walt", "Zoe", "Amina", "Maya A."])
    expect(page.locator(".row .wait")).to_have_text(["2 d", "3 h", "12 m", ""])
    expect(row(page, "Zoe")).to_contain_text("Waiting for 3 hours.")
    page.evaluate(WATCH_ROWS)
    expect(row(page, "Amina").locator(".wait")).to_have_text("13 m")
    assert set(page.evaluate("changes")) == {
        "Amina: wait warning",
        "Amina: visually-hidden",
        "Amina: time",
        "Maya A.: time",
    }
    page.locator("#views button", has_text="Waiting").click()
    expect(page.locator("#views [aria-current]")).to_contain_text("Waiting 3")
    expect(page.locator(".row")).to_have_count(3)
    page.reload()
    expect(page.get_by_label("Order")).to_have_value("longestWaiting")
    answered = Conversation.objects.get(visitor__name="Walt")
    add_message(answered, "Yes!", role="operator")
    expect(page.locator(".row strong")).to_have_text(["Zoe", "Amina"])
    expect(page.locator("#views [aria-current]")).to_contain_text("Waiting 2")
    assert page.problems == []


def test_keys_act_on_all_selected_conversations(tenants, browsers):
    conversations = [make_conversation(tenants.north, name=f"Visitor {number}") for number in range(3)]
    actions.create_tag(tenants.acme.pk, name="vip")
    page = browsers.open(tenants.bob)
    expect(page.locator(".row")).to_have_count(3)
    row(page, "Visitor 0").click()
    expect(page.locator("#thread-pane h2")).to_have_text("Visitor 0")
    page.locator("#list").focus()
    page.keyboard.press("Shift+X")
    expect(page.locator("#many")).to_contain_text("3 conversations selected")
    page.keyboard.press("t")
    page.get_by_role("dialog").get_by_label("vip").check()
    page.get_by_role("button", name="Save tags").click()
    expect(page.locator(".row .foot", has_text="#vip")).to_have_count(3)
    expect(page.locator("#many")).to_be_hidden()
    page.locator("#list").focus()
    page.keyboard.press("Shift+X")
    page.keyboard.press("i")
    expect(page.locator(".row .foot", has_text="Bob")).to_have_count(3)
    page.keyboard.press("Shift+X")
    page.keyboard.press("e")
    expect(page.locator(".row")).to_have_count(0)
    stored = Conversation.objects.filter(pk__in=[each.pk for each in conversations])
    assert set(stored.values_list("status", "assignee")) == {("resolved", tenants.bob.pk)}
    page.locator("#views button", has_text="Resolved").click()
    expect(page.locator(".row")).to_have_count(3)
    page.locator("#list").focus()
    page.keyboard.press("Shift+X")
    page.locator("#many").get_by_role("button", name="Reopen").click()
    expect(page.locator(".row")).to_have_count(0)
    assert set(stored.values_list("status", flat=True)) == {"open"}
    assert page.problems == []
