"""The inbox in a real Chromium: two operators and a visitor, with and without a mouse, and with a server that goes away."""

import re
from datetime import timedelta

import pytest
import time_machine
from playwright.sync_api import expect

from accounts.models import OperatorSession
from accounts.operator_tokens import revoke
from conversations import actions
from conversations.actions.canned_replies import create_canned_reply
from conversations.models import Channel, Conversation, Message, Note
from leads.models import Lead
from tests.conftest import make_talk
from tests.dashboard.test_pages_in_a_browser import HOSTILE, violations
from tests.inbox.pictures import PNG
from tests.live.conftest import need_node
from tests.live.driver import wait_for

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


def says(talk, body, role="visitor", author=None):
    talk.refresh_from_db()
    return actions.send_message(talk, role=Message.Role(role), body=body, channel=Channel.WIDGET, author=author)


def row(page, text):
    return page.locator(".row", has_text=text)


def reply(page, text):
    page.get_by_role("textbox", name="Reply").fill(text)
    page.get_by_role("button", name="Send", exact=True).click()


def path_of(talk):
    return f"/app/inbox/{talk.pk}/"


def test_a_visitor_writes_and_two_operators_work_on_it(cast, talks, browsers):
    alice, bob = browsers.open(cast.alice), browsers.open(cast.bob)
    expect(alice.locator(".row")).to_have_count(2)
    expect(bob.locator(".row")).to_have_count(1)  # North only
    expect(bob.locator("#views")).to_contain_text("Open 1")
    row(bob, "Maya").click()
    alice.goto(alice.url.replace("/inbox/", f"/inbox/{talks.north.pk}/"))
    expect(alice.locator("#here")).to_contain_text("Bob is viewing")
    bob.get_by_role("textbox", name="Reply").press_sequentially("We are")
    expect(alice.locator("#here")).to_contain_text("Bob is typing")
    reply(bob, "We are on it.")
    expect(alice.get_by_role("log")).to_contain_text("We are on it.")
    says(talks.north, "Thank you!")
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
    assert Note.objects.get().author == cast.alice
    assert alice.problems == bob.problems == []


def test_who_writes_at_the_same_time_is_shown_the_others_answer_first(cast, talks, browsers):
    alice, bob = (browsers.open(each, path_of(talks.north)) for each in (cast.alice, cast.bob))
    field = bob.get_by_role("textbox", name="Reply")
    field.press_sequentially("Let me")
    expect(alice.locator("#here")).to_contain_text("Bob is typing")
    reply(alice, "I have it, Bob.")
    expect(bob.get_by_role("log")).to_contain_text("I have it, Bob.")
    field.press_sequentially(" see.")
    field.press("Control+Enter")
    held = bob.locator(".unsent")
    expect(held).to_contain_text("Not sent: Alice has answered meanwhile")
    assert not Message.objects.filter(body="Let me see.").exists()
    held.get_by_role("button", name="Edit").click()
    expect(field).to_have_value("Let me see.")
    field.press("Control+Enter")
    expect(bob.locator(".entry.operator:not(.unsent)", has_text="Let me see.")).to_be_visible()
    expect(held).to_have_count(0)
    assert Message.objects.filter(body="Let me see.").count() == 1
    assert bob.problems == []


def test_a_whole_shift_without_a_mouse(cast, talks, browsers):
    create_canned_reply(cast.acme.pk, shortcut="thanks", body="Thank you, {{visitor.name}}!")
    page = browsers.open(cast.alice)
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
    wait_for(lambda: Lead.objects.filter(conversation=talks.north, notes="Wants a lamp").count() == 1)
    press("Escape")
    press("?")
    expect(page.get_by_role("dialog")).to_contain_text("resolve, or reopen")
    press("Escape")
    assert page.problems == []


def test_a_snoozed_conversation_comes_back_by_itself(cast, talks, browsers):
    page = browsers.open(cast.bob, path_of(talks.north))
    page.get_by_role("button", name="Snooze", exact=True).click()
    page.get_by_role("button", name="Tomorrow, 9:00").click()
    expect(page.locator("#views")).to_contain_text("Snoozed 1")
    talks.north.refresh_from_db()
    with time_machine.travel(talks.north.snoozed_until - timedelta(seconds=1)):
        assert actions.wake_next_snoozed() is None
    with time_machine.travel(talks.north.snoozed_until + timedelta(seconds=1)):
        actions.wake_next_snoozed()  # a worker does so each ten seconds
    expect(page.get_by_role("log")).to_contain_text("Snooze ended")
    expect(page.locator("#views")).to_contain_text("Open 1")


def test_what_is_unread_stands_in_the_title_and_the_rail(cast, talks, browsers):
    page = browsers.open(cast.bob)
    expect(page).to_have_title(re.compile(r"^\(1\) Inbox"))
    expect(page.locator("#rail .badge")).to_have_text("1 unread")
    row(page, "Maya").click()
    expect(page).to_have_title(re.compile("^Inbox"))
    page.locator("#views button", has_text="Open").click()
    page.goto(page.url.split("/app/")[0] + "/app/profile/")
    says(talks.north, "Hello again")
    page.reload()
    expect(page.locator("#rail .badge")).to_have_text("1 unread")


def test_nothing_moves_under_the_pointer(cast, talks, browsers):
    for number in range(130):
        make_talk(cast.north, name=f"Visitor {number}")
    page = browsers.open(cast.bob)
    expect(page.locator(".row").first).to_contain_text("Visitor 129")
    page.locator("#list").evaluate("list => list.scrollTop = 3000")
    expect(row(page, "Visitor 90")).to_be_visible()
    place = row(page, "Visitor 90").bounding_box()["y"]
    says(talks.north, "Me first")
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


def test_many_are_changed_at_once(cast, talks, browsers):
    page = browsers.open(cast.alice)
    expect(page.locator(".row")).to_have_count(2)
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    expect(page.locator("#many")).to_contain_text("2 conversations chosen")
    page.locator("#many").get_by_role("button", name="Resolve", exact=True).click()
    expect(page.locator("#list-note")).to_have_text("Nothing here.")
    wait_for(lambda: Conversation.objects.filter(workspace=cast.acme, status="resolved").count() == 2)


def test_a_file_is_attached_and_shown(cast, talks, browsers):
    page = browsers.open(cast.alice, path_of(talks.north))
    page.get_by_role("textbox", name="Reply").wait_for()
    page.locator("#composer input[type=file]").set_input_files(
        {"name": "cable.png", "mimeType": "image/png", "buffer": PNG}
    )
    page.get_by_role("button", name="Send", exact=True).click()
    picture = page.locator("#log img[alt='cable.png']")
    picture.wait_for()
    wait_for(lambda: picture.evaluate("picture => picture.complete && picture.naturalWidth"))
    page.locator("#composer input[type=file]").set_input_files(
        {"name": "broken.png", "mimeType": "image/png", "buffer": PNG[:8]}  # the browser takes it, the server does not
    )
    expect(page.locator("#composer .attached li")).to_have_count(1)
    page.get_by_role("button", name="Send", exact=True).click()
    held = page.locator(".unsent", has_text="broken.png")
    expect(held).to_contain_text("Not sent: Only images")
    held.get_by_role("button", name="Remove").click()
    expect(held).to_have_count(0)
    assert [problem for problem in page.problems if "422" not in problem] == []


def test_a_draft_outlives_a_reload_and_a_reply_a_server_that_is_gone(cast, talks, server, browsers):
    page = browsers.open(cast.alice, path_of(talks.north))
    field = page.get_by_role("textbox", name="Reply")
    field.fill("Half a sen")
    page.reload()
    expect(field).to_have_value("Half a sen")
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('offline'))")
    expect(page.locator("#connection")).to_contain_text("You are offline")
    field.fill("Half a sentence is enough.")
    field.press("Control+Enter")
    expect(page.locator(".unsent")).to_contain_text("Waiting for the connection")
    page.context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator(".entry.operator:not(.unsent)", has_text="Half a sentence")).to_be_visible()
    expect(page.locator("#connection")).to_be_hidden()
    expect(page.locator(".unsent")).to_have_count(0)
    assert Message.objects.filter(body="Half a sentence is enough.").count() == 1


def test_what_was_being_sent_is_sent_after_a_reload(cast, talks, browsers):
    page = browsers.open(cast.alice, path_of(talks.north))
    page.get_by_role("textbox", name="Reply").wait_for()
    page.evaluate(
        """([operator, talk]) => {
          for (let at = 1; at <= 12; at++) {
            const id = `${(at * 7) % 12}`; // in another order
            const sent = {id, conversationId: talk, kind: "reply", body: `From before ${at}`, mentions: [], at};
            localStorage.setItem(`praxtalk.inbox.${operator}.sent.${id}`, JSON.stringify(sent));
          }
        }""",
        [str(cast.alice.pk), str(talks.north.pk)],
    )
    page.reload()
    expect(page.locator(".entry.operator:not(.unsent)", has_text="From before 12")).to_be_visible()
    page.reload()
    expect(page.get_by_role("log")).to_contain_text("From before 12")
    sent = Message.objects.filter(body__startswith="From before").order_by("position").values_list("body", flat=True)
    assert list(sent) == [f"From before {at}" for at in range(1, 13)]


def test_a_token_that_ends_is_replaced_and_a_session_that_ends_is_told(cast, talks, browsers):
    page = browsers.open(cast.alice, path_of(talks.north))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    for session in OperatorSession.objects.filter(operator=cast.alice):
        revoke(session)
    says(talks.north, "After the first token")
    expect(page.get_by_role("log")).to_contain_text("After the first token")
    page.context.clear_cookies()
    for session in OperatorSession.objects.filter(operator=cast.alice):
        revoke(session)
    expect(page.locator("#connection")).to_contain_text("You are signed out")
    assert "/app/login/?next=/app/inbox/" in page.get_by_role("link", name="Sign in again").get_attribute("href")


def test_who_signs_out_or_changes_the_password_ends_what_other_tabs_show(cast, talks, browsers):
    page, elsewhere = (browsers.open(cast.alice, path_of(talks.north)) for _ in range(2))
    for each in (page, elsewhere):
        expect(each.get_by_role("log")).to_contain_text("Hello?")
    tab = page.context.new_page()
    tab.goto(page.url.split("/app/")[0] + "/app/profile/")
    tab.get_by_role("button", name="Sign out").click()
    expect(page.locator("#connection")).to_contain_text("You are signed out")
    says(talks.north, "After that")
    expect(elsewhere.get_by_role("log")).to_contain_text("After that")  # of another browser, which is signed in still
    assert "After that" not in page.get_by_role("log").inner_text()


def test_others_conversations_are_not_found(cast, talks, browsers):
    page = browsers.open(cast.bob)
    answer = page.goto(page.url.replace("/inbox/", f"/inbox/{talks.south.pk}/"))
    assert answer.status == 404
    page.goto(page.url.split("/app/")[0] + "/app/inbox/")
    page.evaluate("id => history.pushState(null, '', `/app/inbox/${id}/`)", str(talks.south.pk))
    page.evaluate("dispatchEvent(new PopStateEvent('popstate'))")
    expect(page.locator("#thread-pane")).to_contain_text("There is no such conversation")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_everybody_can_read_and_use_it(cast, talks, browsers, scheme, width):
    need_node()
    talks.north.visitor.name = HOSTILE[:200]
    talks.north.visitor.save()
    says(talks.north, HOSTILE)
    actions.write_note(talks.north, author=cast.bob, body=HOSTILE)
    actions.create_tag(cast.acme.pk, name=HOSTILE[:40])
    talks.north.refresh_from_db()
    actions.set_status(talks.north, status="snoozed")
    actions.set_status(talks.north, status="open")
    page = browsers.open(cast.alice, color_scheme=scheme, viewport={"width": width, "height": 860})
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
