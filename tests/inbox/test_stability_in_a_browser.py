"""Browser tests of a stable inbox: errors lose no input, focus and scroll position stay, text is not truncated or reordered."""

import pytest
from playwright.sync_api import expect

from conversations import actions
from leads.models import Lead
from tests.inbox.test_in_a_browser import add_message, path_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


def test_rejected_lead_form_keeps_its_input(tenants, conversations, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    page.keyboard.press("l")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("E-mail").fill("maya@nowhere")  # the browser accepts it, the server does not
    dialog.get_by_label("Notes").fill("A long story")
    dialog.get_by_role("button", name="Create lead").click()
    expect(dialog.get_by_role("alert")).to_have_text("Enter a valid email address.")
    expect(dialog.get_by_label("Notes")).to_have_value("A long story")
    dialog.get_by_label("E-mail").fill("maya@example.com")
    dialog.get_by_role("button", name="Create lead").click()
    expect(page.locator("#visitor-pane a", has_text="Maya A.")).to_be_visible()
    expect(dialog).to_be_hidden()
    assert Lead.objects.filter(notes="A long story", email="maya@example.com").count() == 1
    assert page.problems == []


def test_too_many_tags_are_reported_in_the_tag_dialog(tenants, conversations, browsers):
    for number in range(21):
        actions.create_tag(tenants.acme.pk, name=f"Tag {number:02}")
    page = browsers.open(tenants.alice, path_of(conversations.north))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    page.keyboard.press("t")
    dialog = page.get_by_role("dialog")
    for box in dialog.get_by_role("checkbox").all():
        box.check()
    dialog.get_by_role("button", name="Save tags").click()
    expect(dialog.get_by_role("alert")).not_to_be_empty()
    dialog.get_by_label("Tag 00").uncheck()
    dialog.get_by_role("button", name="Save tags").click()
    expect(page.locator("#thread-pane .status")).to_contain_text("#Tag 20")


def test_snoozing_until_a_past_time_is_rejected(tenants, conversations, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    page.keyboard.press("z")
    field = page.get_by_label("Another time")
    field.fill("2020-01-01T09:00")
    page.get_by_role("button", name="Snooze until then").click()
    assert field.evaluate("field => field.validationMessage") == "Choose a time in the future."
    field.fill("2100-01-01T09:00")
    page.get_by_role("button", name="Snooze until then").click()
    expect(page.locator("#thread-pane .status")).to_contain_text("Snoozed until")


def test_failed_action_shows_a_message_until_it_is_dismissed(tenants, conversations, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    conversations.north.visitor.email = ""
    conversations.north.visitor.save()
    page.get_by_role("button", name="Send transcript to the visitor").click()
    page.get_by_role("button", name="Send transcript", exact=True).click()
    expect(page.locator("#toast")).to_have_text("The visitor has not given an e-mail address.")
    add_message(conversations.north, "Still there")
    expect(page.get_by_role("log")).to_contain_text("Still there")
    expect(page.locator("#toast")).to_be_visible()
    page.locator("#toast").click()
    expect(page.locator("#toast")).to_be_hidden()


def test_focus_stays_while_new_messages_arrive(tenants, conversations, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    tools, pane = page.locator(".tools"), page.locator("#visitor-pane")
    expect(pane).to_contain_text("Block the visitor")
    for button in (tools.get_by_role("button", name="Resolve"), pane.get_by_role("button", name="Block the visitor")):
        button.focus()
        add_message(conversations.north, f"While {button.inner_text()} has the focus")
        expect(page.get_by_role("log")).to_contain_text(f"While {button.inner_text()} has the focus")
        expect(button).to_be_focused()
    tools.get_by_role("button", name="To me").press("Enter")
    expect(page.locator("#thread-pane .status")).to_contain_text("Assigned to Alice")
    expect(tools.locator("button:focus")).to_have_count(1)  # the "To me" button has disappeared


def test_dialog_choice_is_made_with_the_space_key(tenants, conversations, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    page.keyboard.press("a")
    page.keyboard.press("b")
    page.keyboard.press("Space")
    expect(page.locator("#thread-pane .status")).to_contain_text("Assigned to Bob")


def test_held_down_shortcut_acts_once(tenants, conversations, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    for _ in range(5):
        page.keyboard.down("e")
    page.keyboard.up("e")
    expect(page.get_by_role("log")).to_contain_text("Alice resolved this")
    page.keyboard.press("i")
    expect(page.get_by_role("log")).to_contain_text("Alice assigned this to Alice")
    expect(page.locator(".activity", has_text="reopened")).to_have_count(0)


def test_scrolled_up_reader_sees_new_message_count_and_can_jump_to_the_newest(tenants, conversations, browsers):
    for number in range(40):
        add_message(conversations.north, f"Line {number}")
    page = browsers.open(tenants.alice, path_of(conversations.north))
    expect(page.get_by_text("Line 39", exact=True).last).to_be_in_viewport()
    newest_button = page.locator(".newest")
    expect(newest_button).to_be_hidden()
    page.locator("#log").evaluate("log => log.scrollTop = 200")
    expect(newest_button).to_have_text("Newest ↓")
    top = page.locator("#log").get_by_text("Line 5", exact=True).bounding_box()["y"]
    add_message(conversations.north, "One")
    add_message(conversations.north, "Two")
    expect(newest_button).to_have_text("2 new ↓")
    assert page.locator("#log").get_by_text("Line 5", exact=True).bounding_box()["y"] == top
    newest_button.click()
    expect(page.locator("#log").get_by_text("Two", exact=True)).to_be_in_viewport()
    expect(newest_button).to_be_hidden()
    assert page.problems == []


def test_names_and_messages_are_isolated_by_text_direction(tenants, conversations, browsers):
    conversations.north.visitor.name = "\u202eMaya"  # U+202E reverses all text after it unless the name is isolated
    conversations.north.visitor.save()
    add_message(conversations.north, "مرحبا")
    conversations.north.refresh_from_db()
    actions.set_status(conversations.north, status="resolved")
    add_message(conversations.north, "Hello again")
    page = browsers.open(tenants.bob, path_of(conversations.north))
    body = page.locator(".entry .body", has_text="مرحبا")
    assert body.evaluate("body => getComputedStyle(body).direction") == "rtl"
    expect(page.locator(".activity bdi")).to_have_text(["PraxTalk", "\u202eMaya"])
    name = page.locator(".who bdi").first
    assert name.evaluate("bdi => getComputedStyle(bdi).unicodeBidi") == "isolate"


def test_thread_stays_at_the_end_while_the_composer_grows(tenants, conversations, browsers):
    for number in range(40):
        add_message(conversations.north, f"Line {number}")
    page = browsers.open(tenants.alice, path_of(conversations.north))
    last = page.locator("#log").get_by_text("Line 39", exact=True)
    expect(last).to_be_in_viewport()
    field = page.get_by_role("textbox", name="Reply")
    for text in ("word " * 2000, "", "word " * 500):
        field.fill(text)
        expect(last).to_be_in_viewport()
        expect(page.locator(".newest")).to_be_hidden()
