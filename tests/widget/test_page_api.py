"""`PraxTalk(...)` on the page: calls, events, and what it does with mistakes."""

import pytest

from conversations.models import Message
from tests.live.driver import wait_for
from tests.widget.test_behaviour import in_widget
from tests.widget.test_conversation import STUB, fill_form, reply_by_rest, shows, until

__all__ = ["reply_by_rest"]
pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]

LISTEN = """<script>
  window.heard = [];
  for (const name of ["ready", "open", "close", "message", "unread"])
    PraxTalk("on", name, (detail) => heard.push([name, detail === undefined ? null : detail]));
</script>"""


def panel(page):
    return page.get_by_role("dialog", name="Chat")


def heard(page):
    return [name for name, _ in page.evaluate("heard")]


def test_calls_made_before_it_is_there_wait(site, page):
    site.html = (
        f"<script>{STUB}; PraxTalk('prefill', {{ name: 'Maya', email: 'maya@example.com' }}); PraxTalk('open')</script>"
    )
    visit = site.open(page)
    panel(page).wait_for()
    assert page.get_by_label("Name", exact=True).input_value() == "Maya"
    assert page.get_by_label("Email", exact=True).input_value() == "maya@example.com"
    assert visit.errors() == []


def test_open_close_toggle_show_and_hide(site, page):
    site.open(page)
    bubble = page.locator("#praxtalk .bubble")
    bubble.wait_for()
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
        assert (panel(page).is_visible(), bubble.is_visible()) == (is_open, is_there), call


def test_prefill_fills_what_is_shown_and_what_was_typed_stays_if_left_out(site, page):
    site.open(page)
    page.get_by_role("button", name="Open chat").click()
    page.get_by_label("Name", exact=True).fill("Maya A.")
    page.evaluate("PraxTalk('prefill', { email: 'maya@example.com', message: 'About order 7:', phone: 17 })")
    values = [page.get_by_label(label, exact=True).input_value() for label in ("Name", "Email", "Phone (optional)")]
    assert values == ["Maya A.", "maya@example.com", ""]
    page.get_by_role("button", name="Start the chat").click()
    until(["About order 7:"])
    shows(page, "About order 7:")
    page.evaluate("PraxTalk('prefill', { message: 'And order 8:' })")
    assert page.get_by_placeholder("Write a message …").input_value() == "And order 8:"


def test_events_tell_what_happens_and_off_ends_them(site, page, reply_by_rest):
    site.html = f"<script>{STUB}</script>{LISTEN}"
    site.open(page)
    fill_form(page, "Hello?")
    until(["Hello?"])
    shows(page, "Hello?")
    page.get_by_role("button", name="Close chat").first.click()
    reply_by_rest("We are here.")
    wait_for(lambda: "unread" in heard(page), "no word of the reply")
    assert heard(page)[:2] == ["ready", "open"]
    assert ["unread", 1] in page.evaluate("heard")
    replies = [detail for name, detail in page.evaluate("heard") if name == "message" and detail["role"] == "operator"]
    assert replies == [
        {"id": str(Message.objects.get(body="We are here.").pk), "role": "operator", "body": "We are here."}
    ]
    page.evaluate(
        "window.late = 0; window.count = () => late++; PraxTalk('on', 'open', count); PraxTalk('off', 'open', count)"
    )
    page.evaluate("PraxTalk('open')")
    wait_for(lambda: ["unread", 0] in page.evaluate("heard"), "it is still unread")
    assert page.evaluate("late") == 0
    page.evaluate("PraxTalk('on', 'ready', () => { window.isReady = true })")  # after it was: told at once
    wait_for(lambda: page.evaluate("window.isReady"), "ready is not told to who comes late")


def test_reset_forgets_the_visitor(site, page):
    site.open(page)
    fill_form(page, "My secret")
    until(["My secret"])
    shows(page, "My secret")
    page.evaluate("PraxTalk('reset')")
    assert panel(page).is_hidden()
    wait_for(lambda: page.evaluate("localStorage.length") == 0, "something is left")
    page.get_by_role("button", name="Open chat").click()
    page.get_by_role("button", name="Start the chat").wait_for()
    assert page.get_by_label("Name", exact=True).input_value() == ""
    assert in_widget(page, "root.textContent.includes('My secret')") is False
    page.reload()
    page.get_by_role("button", name="Open chat").click()
    page.get_by_role("button", name="Start the chat").wait_for()


@pytest.mark.parametrize(
    ("call", "warnings"),
    [
        ("'prefill'", 0),
        ("'prefill', null", 0),
        ("'prefill', 7", 0),
        ("'nonsense'", 1),
        ("", 1),
        ("null", 1),
        ("'identify'", 1),
        ("'on'", 1),
        ("'on', 'open', 'no function'", 1),
        ("'off', 'open'", 0),
        ("'__proto__'", 1),
        ("'constructor'", 1),
        ("'open', {}, []", 0),
    ],
)
def test_a_mistake_never_throws_into_the_page_nor_breaks_the_widget(site, page, call, warnings):
    said = []
    page.on("console", lambda message: said.append((message.type, message.text.split()[0])))
    visit = site.open(page)
    page.get_by_role("button", name="Open chat").wait_for()
    assert page.evaluate(f"(() => {{ PraxTalk({call}); return 'went on' }})()") == "went on"
    page.evaluate("PraxTalk('close')")
    page.evaluate("PraxTalk('open')")
    panel(page).wait_for()
    fill_form_of_an_open_panel(page)
    until(["Still here"])
    assert visit.errors() == []
    assert said == [("warning", "PraxTalk:")] * warnings


def test_a_mistake_among_the_calls_that_wait_is_told_and_the_others_are_made(site, page):
    site.html = f"<script>{STUB}; PraxTalk('nonsense'); PraxTalk('on', 'open'); PraxTalk('open')</script>"
    said = []
    page.on("console", lambda message: said.append(message.text.split()[:2]))
    visit = site.open(page)
    panel(page).wait_for()
    assert visit.errors() == []
    assert sorted(said) == [["PraxTalk:", "nonsense"], ["PraxTalk:", "on"]]


def fill_form_of_an_open_panel(page):
    for label, value in {"Name": "Maya", "Email": "maya@example.com"}.items():
        page.get_by_label(label, exact=True).fill(value)
    page.locator("textarea[name=message]").fill("Still here")
    page.get_by_role("button", name="Start the chat").click()


def test_a_fault_in_the_pages_handler_is_the_pages(site, page):
    visit = site.open(page)
    page.get_by_role("button", name="Open chat").wait_for()
    page.evaluate("PraxTalk('on', 'open', () => { throw new Error('of the page') }); PraxTalk('open')")
    fill_form_of_an_open_panel(page)
    until(["Still here"])
    assert visit.errors() == ["of the page"]
