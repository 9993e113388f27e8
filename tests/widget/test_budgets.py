"""The budgets of the widget, in a real Chromium: what it asks for, touches and shifts, and that everybody can read it.

Its bytes are counted in test_script.py; the strict policies are in test_conversation.py.
"""

import pytest

from tests.conftest import go_back_to_kept
from tests.live.conftest import MODULES, need_node
from tests.live.driver import wait_for
from tests.widget.conftest import STRICT
from tests.widget.test_conversation import bodies, fill_form, reply_by_rest, shows, until, write

__all__ = ["reply_by_rest"]

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]

OBSERVE = """
window.seen = { shift: 0, long: 0 };
new PerformanceObserver((list) => { for (const entry of list.getEntries()) seen.shift += entry.value })
  .observe({ type: "layout-shift", buffered: true });
new PerformanceObserver((list) => { seen.long += list.getEntries().length }).observe({ type: "longtask", buffered: true });
"""
HOSTILE = """
* { all: unset !important; color: red !important; font: 40px serif !important; letter-spacing: 1em !important;
  direction: rtl !important; visibility: hidden !important; text-transform: uppercase !important }
:not(html) { background: lime !important; display: inline !important; position: static !important; zoom: 2 !important;
  transform: rotate(3deg) !important; opacity: 0.5 !important; inset: auto !important; pointer-events: none !important }
:root { --brand: lime !important; --bg: lime !important; --ink: lime !important }
html { background: white !important }
"""


def bubble(page):
    return page.get_by_role("button", name="Open chat")


def test_two_simple_requests_until_the_bubble_is_there(site, page):
    visit = site.open(page)
    bubble(page).wait_for()
    ours = [url for url in visit.requests if url.startswith(site.host)]
    assert ours == [f"{site.host}/widget.js", f"{site.host}/widget/v1/config?id={site.widget_id}&locale=en-US"]


def test_nothing_happens_before_it_is_opened(site, page):
    site.html = "<h1>Shop</h1><input autofocus aria-label='Search'><p>" + "Words. " * 500
    sockets = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.add_init_script(OBSERVE)
    long_tasks = []
    for _ in range(3):  # a busy machine makes a long task of anything: one calm visit will do
        site.open(page)
        bubble(page).wait_for()
        page.wait_for_timeout(300)
        seen = page.evaluate("seen")
        long_tasks.append(seen["long"])
        assert seen["shift"] == 0
        assert page.evaluate("document.activeElement.tagName") == "INPUT"
        assert page.evaluate("localStorage.length + sessionStorage.length") == 0
        assert page.context.cookies() == []
    assert sockets == []
    assert min(long_tasks) == 0
    assert page.evaluate("Object.keys(window).filter((name) => /prax/i.test(name))") == ["PraxTalk"]


def test_the_page_is_kept_for_back_and_forward_and_the_thread_goes_on(site, cached_page, reply_by_rest):
    site.open(cached_page)
    fill_form(cached_page, "Hello?")
    until(["Hello?"])
    shows(cached_page, "Hello?")
    cached_page.evaluate("window.mark = 'the same page'")
    cached_page.goto(f"{site.url}/terms")
    reply_by_rest("while away")
    go_back_to_kept(cached_page)
    assert cached_page.evaluate("window.mark") == "the same page"
    shows(cached_page, "while away")
    reply_by_rest("live again")
    shows(cached_page, "live again")
    write(cached_page, "and I write")
    until(["Hello?", "while away", "live again", "and I write"])


def test_a_replaced_body_takes_nothing_away(site, page):
    visit = site.open(page)
    fill_form(page, "Hello?")
    shows(page, "Hello?")
    page.evaluate("document.body.replaceWith(document.createElement('body'))")
    write(page, "still here")
    shows(page, "still here")
    until(["Hello?", "still here"])
    assert visit.errors() == []


def pictures(site, page, css):
    """The bubble, the form and the thread."""
    site.css = css
    site.open(page)
    found = []
    bubble(page).wait_for()
    for step in ("bubble", "form", "thread"):
        if step == "form":
            bubble(page).click()
        if step == "thread":
            page.evaluate("localStorage.clear()")
            page.get_by_label("Name", exact=True).fill("Maya A.")
            page.get_by_label("Email", exact=True).fill("maya@example.com")
            page.locator("textarea[name=message]").fill("Hello?")
            page.get_by_role("button", name="Start the chat").click()
            shows(page, "Hello?")
            wait_for(lambda: len(bodies()) > 0, "no message")
            page.get_by_text("Sending …").wait_for(state="hidden")
        page.mouse.move(5, 5)
        page.wait_for_timeout(500)
        area = {"x": 860, "y": 0, "width": 420, "height": 720}
        found.append(page.screenshot(animations="disabled", caret="hide", clip=area))
    page.evaluate("PraxTalk('reset')")
    return found


def test_hostile_styles_of_the_page_change_nothing(site, page):
    """Compared pixel by pixel; a few times, for a minute may end between two pictures, whose clock is another then."""
    page.set_viewport_size({"width": 1280, "height": 720})
    site.html = ""
    same = []
    for _ in range(3):
        calm, hostile = pictures(site, page, "html { background: white }"), pictures(site, page, HOSTILE)
        same = [one == other for one, other in zip(calm, hostile, strict=True)]
        if all(same):
            break
    assert same == [True] * 3


def violations(page):
    """What axe finds wrong inside the widget."""
    need_node()
    page.evaluate((MODULES / "axe-core/axe.min.js").read_text())
    found = page.evaluate("axe.run({ include: [['html > :not(head):not(body)']] })")
    assert found["passes"]
    return [(one["id"], [node["target"] for node in one["nodes"]]) for one in found["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("color", ["#2563eb", "#ffe600", "#8a8a8a"])
def test_everybody_can_read_and_use_it(site, page, cast, scheme, color, reply_by_rest):
    type(cast.north).objects.filter(pk=cast.north.pk).update(primary_color=color)
    page.emulate_media(color_scheme=scheme)
    site.open(page)
    bubble(page).wait_for()
    assert violations(page) == []
    bubble(page).click()
    page.wait_for_timeout(300)
    assert violations(page) == []
    page.get_by_role("button", name="Start the chat").click()
    page.get_by_text("Please fill this in.").first.wait_for()
    assert violations(page) == []
    page.get_by_label("Name", exact=True).fill("Maya")
    page.get_by_label("Email", exact=True).fill("maya@example.com")
    page.locator("textarea[name=message]").fill("Hello?")
    page.get_by_role("button", name="Start the chat").click()
    until(["Hello?"])
    reply_by_rest("See https://shop.example/faq")
    page.get_by_role("log").get_by_role("link").wait_for()
    assert violations(page) == []
    page.context.set_offline(True)
    write(page, "offline")
    page.get_by_text("You are offline.", exact=False).first.wait_for()
    assert violations(page) == []
    page.context.set_offline(False)
    until(["Hello?", "See https://shop.example/faq", "offline"])


def test_by_keyboard_alone(site, page):
    site.open(page, csp=STRICT)
    bubble(page).focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    for text in ("Maya", "maya@example.com", "+251 11 000", "Hello?"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    until(["Hello?"])
    shows(page, "Hello?")
    page.keyboard.type("And by Enter")
    page.keyboard.press("Enter")
    until(["Hello?", "And by Enter"])
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    assert (
        page.evaluate("document.documentElement.lastElementChild.shadowRoot.activeElement.ariaLabel").strip()
        == "Open chat"
    )
