"""The JavaScript API `PraxTalk(...)`: calls, events, and errors."""

import pytest

from conversations.models import Message
from tests.live.driver import wait_for
from tests.widget.test_conversation import QUEUE_STUB, expect_message, fill_form, reply_by_rest, wait_until_stored
from tests.widget.test_ui import in_widget

__all__ = ["reply_by_rest"]
pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]

RECORD_EVENTS = """<script>
  window.events = [];
  for (const name of ["ready", "open", "close", "message", "unread"])
    PraxTalk("on", name, (detail) => events.push([name, detail === undefined ? null : detail]));
</script>"""


def dialog(page):
    return page.get_by_role("dialog", name="Chat")


def recorded_events(page):
    return [name for name, _ in page.evaluate("events")]


def test_calls_made_before_loading_are_executed_later(site, page):
    site.html = (
        f"<script>{QUEUE_STUB}; PraxTalk('prefill', {{ name: 'Maya', email: 'maya@example.com' }});"
        " PraxTalk('open')</script>"
    )
    recorder = site.open(page)
    dialog(page).wait_for()
    assert page.get_by_label("Name", exact=True).input_value() == "Maya"
    assert page.get_by_label("Email", exact=True).input_value() == "maya@example.com"
    assert recorder.errors() == []


def test_open_close_toggle_show_and_hide_change_the_widget(site, page):
    site.open(page)
    launcher = page.locator("#praxtalk .bubble")
    launcher.wait_for()
    for call, is_open, is_there in [
        ("open", True, True),
        ("open", True, True),
        ("close", False, True),
        ("close", False, True),
        ("toggle", True, True),
        ("toggle", False, True),
        ("hide", False, False),
        ("show", False, True),
        ("hide", False, False),
        ("open", True, True),
        ("hide", False, False),
        ("toggle", True, True),
    ]:
        page.evaluate("(call) => PraxTalk(call)", call)
        assert (dialog(page).is_visible(), launcher.is_visible()) == (is_open, is_there), call


def test_prefill_sets_given_fields_and_keeps_the_others(site, page):
    site.open(page)
    page.get_by_role("button", name="Open chat").click()
    page.get_by_label("Name", exact=True).fill("Maya A.")
    page.evaluate("PraxTalk('prefill', { email: 'maya@example.com', message: 'About order 7:', phone: 17 })")
    values = [page.get_by_label(label, exact=True).input_value() for label in ("Name", "Email", "Phone (optional)")]
    assert values == ["Maya A.", "maya@example.com", ""]
    page.get_by_role("button", name="Start the chat").click()
    wait_until_stored(["About order 7:"])
    expect_message(page, "About order 7:")
    page.evaluate("PraxTalk('prefill', { message: 'And order 8:' })")
    assert page.get_by_placeholder("Write a message …").input_value() == "And order 8:"


def test_events_are_emitted_until_off_is_called(site, page, reply_by_rest):
    site.html = f"<script>{QUEUE_STUB}</script>{RECORD_EVENTS}"
    site.open(page)
    fill_form(page, "Hello?")
    wait_until_stored(["Hello?"])
    expect_message(page, "Hello?")
    page.get_by_role("button", name="Close chat").first.click()
    reply_by_rest("We are here.")
    wait_for(lambda: "unread" in recorded_events(page), "no word of the reply")
    assert recorded_events(page)[:2] == ["ready", "open"]
    assert ["unread", 1] in page.evaluate("events")
    replies = [detail for name, detail in page.evaluate("events") if name == "message" and detail["role"] == "operator"]
    assert replies == [
        {"id": str(Message.objects.get(body="We are here.").pk), "role": "operator", "body": "We are here."}
    ]
    page.evaluate(
        "window.late = 0; window.count = () => late++; PraxTalk('on', 'open', count); PraxTalk('off', 'open', count)"
    )
    page.evaluate("PraxTalk('open')")
    wait_for(lambda: ["unread", 0] in page.evaluate("events"), "it is still unread")
    assert page.evaluate("late") == 0
    # registered after the event: called at once
    page.evaluate("PraxTalk('on', 'ready', () => { window.isReady = true })")
    wait_for(lambda: page.evaluate("window.isReady"), "ready is not told to who comes late")


def test_reset_removes_the_visitor_from_the_browser(site, page):
    site.open(page)
    fill_form(page, "My secret")
    wait_until_stored(["My secret"])
    expect_message(page, "My secret")
    page.evaluate("PraxTalk('reset')")
    assert dialog(page).is_hidden()
    wait_for(lambda: page.evaluate("localStorage.length") == 0, "something is left")
    page.get_by_role("button", name="Open chat").click()
    page.get_by_role("button", name="Start the chat").wait_for()
    assert page.get_by_label("Name", exact=True).input_value() == ""
    assert in_widget(page, "root.textContent.includes('My secret')") is False
    page.reload()
    page.get_by_role("button", name="Open chat").click()
    page.get_by_role("button", name="Start the chat").wait_for()


INVALID_CALLS = {  # arguments of the call: how many warnings it logs
    "'prefill'": 0,
    "'prefill', null": 0,
    "'prefill', 7": 0,
    "'nonsense'": 1,
    "": 1,
    "null": 1,
    "'identify'": 1,
    "'on'": 1,
    "'on', 'open', 'no function'": 1,
    "'off', 'open'": 0,
    "'__proto__'": 1,
    "'constructor'": 1,
    "'open', {}, []": 0,
}


def test_invalid_call_neither_throws_nor_breaks_the_widget(site, page):
    messages = []
    page.on("console", lambda message: messages.append((message.type, message.text.split()[0])))
    recorder = site.open(page)
    page.get_by_role("button", name="Open chat").wait_for()
    for arguments, warnings in INVALID_CALLS.items():
        messages.clear()
        assert page.evaluate(f"(() => {{ PraxTalk({arguments}); return 'went on' }})()") == "went on"
        page.evaluate("PraxTalk('close')")
        page.evaluate("PraxTalk('open')")
        dialog(page).wait_for()
        assert recorder.errors() == [], arguments
        assert messages == [("warning", "PraxTalk:")] * warnings, arguments
    fill_form_of_an_open_panel(page)
    wait_until_stored(["Still here"])
    assert recorder.errors() == []


def test_invalid_queued_call_is_logged_and_the_others_are_executed(site, page):
    site.html = f"<script>{QUEUE_STUB}; PraxTalk('nonsense'); PraxTalk('on', 'open'); PraxTalk('open')</script>"
    messages = []
    page.on("console", lambda message: messages.append(message.text.split()[:2]))
    recorder = site.open(page)
    dialog(page).wait_for()
    assert recorder.errors() == []
    assert sorted(messages) == [["PraxTalk:", "nonsense"], ["PraxTalk:", "on"]]


def fill_form_of_an_open_panel(page):
    for label, value in {"Name": "Maya", "Email": "maya@example.com"}.items():
        page.get_by_label(label, exact=True).fill(value)
    page.locator("textarea[name=message]").fill("Still here")
    page.get_by_role("button", name="Start the chat").click()


def test_error_in_a_handler_of_the_page_does_not_break_the_widget(site, page):
    recorder = site.open(page)
    page.get_by_role("button", name="Open chat").wait_for()
    page.evaluate("PraxTalk('on', 'open', () => { throw new Error('of the page') }); PraxTalk('open')")
    fill_form_of_an_open_panel(page)
    wait_until_stored(["Still here"])
    assert recorder.errors() == ["of the page"]
