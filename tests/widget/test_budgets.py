"""Browser tests of the widget's budgets: requests, effects on the page, layout shift, and accessibility.

Its size in bytes is tested in test_script.py; strict policies are tested in test_conversation.py.
"""

import pytest

from tests.conftest import go_back_to_cached_page
from tests.live.conftest import MODULES, need_node
from tests.live.driver import wait_for
from tests.tiers import slow
from tests.widget.conftest import STRICT
from tests.widget.test_conversation import (
    expect_message,
    fill_form,
    reply_by_rest,
    stored_bodies,
    wait_until_stored,
    write_message,
)

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


def launcher(page):
    return page.get_by_role("button", name="Open chat")


def test_launcher_appears_after_two_requests(site, page):
    recorder = site.open(page)
    launcher(page).wait_for()
    ours = [url for url in recorder.requests if url.startswith(site.host)]
    assert ours == [f"{site.host}/widget.js", f"{site.host}/widget/v1/config?id={site.widget_id}&locale=en-US"]


def test_closed_widget_opens_no_socket_and_shifts_no_layout(site, page):
    site.html = "<h1>Shop</h1><input autofocus aria-label='Search'><p>" + "Words. " * 500
    sockets = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.add_init_script(OBSERVE)
    long_tasks = []
    for _ in range(3):  # on a busy machine any task may be long, so one visit without long tasks is enough
        site.open(page)
        launcher(page).wait_for()
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


@pytest.mark.slow
def test_page_stays_in_the_back_forward_cache_and_the_thread_continues(site, cached_page, reply_by_rest):
    site.open(cached_page)
    fill_form(cached_page, "Hello?")
    wait_until_stored(["Hello?"])
    expect_message(cached_page, "Hello?")
    cached_page.evaluate("window.mark = 'the same page'")
    cached_page.goto(f"{site.url}/terms")
    reply_by_rest("while away")
    go_back_to_cached_page(cached_page)
    assert cached_page.evaluate("window.mark") == "the same page"
    expect_message(cached_page, "while away")
    reply_by_rest("live again")
    expect_message(cached_page, "live again")
    write_message(cached_page, "and I write")
    wait_until_stored(["Hello?", "while away", "live again", "and I write"])


def test_widget_survives_a_replaced_body(site, page):
    recorder = site.open(page)
    fill_form(page, "Hello?")
    expect_message(page, "Hello?")
    page.evaluate("document.body.replaceWith(document.createElement('body'))")
    write_message(page, "still here")
    expect_message(page, "still here")
    wait_until_stored(["Hello?", "still here"])
    assert recorder.errors() == []


def screenshots(site, page, css):
    """Return screenshots of the launcher, the form and the thread."""
    site.css = css
    site.open(page)
    found = []
    launcher(page).wait_for()
    for step in ("launcher", "form", "thread"):
        if step == "form":
            launcher(page).click()
        if step == "thread":
            page.evaluate("localStorage.clear()")
            page.get_by_label("Name", exact=True).fill("Maya A.")
            page.get_by_label("Email", exact=True).fill("maya@example.com")
            page.locator("textarea[name=message]").fill("Hello?")
            page.get_by_role("button", name="Start the chat").click()
            expect_message(page, "Hello?")
            wait_for(lambda: len(stored_bodies()) > 0, "no message")
            page.get_by_text("Sending …").wait_for(state="hidden")
        page.mouse.move(5, 5)
        page.wait_for_timeout(500)
        area = {"x": 860, "y": 0, "width": 420, "height": 720}
        found.append(page.screenshot(animations="disabled", caret="hide", clip=area))
    page.evaluate("PraxTalk('reset')")
    return found


def test_styles_of_the_page_do_not_affect_the_widget(site, page):
    """Compares pixels. Repeats a few times because the displayed clock may change between two screenshots."""
    page.set_viewport_size({"width": 1280, "height": 720})
    site.html = ""
    same = []
    for _ in range(3):
        calm, hostile = screenshots(site, page, "html { background: white }"), screenshots(site, page, HOSTILE)
        same = [one == other for one, other in zip(calm, hostile, strict=True)]
        if all(same):
            break
    assert same == [True] * 3


def violations(page):
    """Return the violations that axe finds inside the widget."""
    need_node()
    page.evaluate((MODULES / "axe-core/axe.min.js").read_text())
    found = page.evaluate("axe.run({ include: [['html > :not(head):not(body)']] }, { resultTypes: ['violations'] })")
    assert found["passes"]
    return [(one["id"], [node["target"] for node in one["nodes"]]) for one in found["violations"]]


@pytest.mark.parametrize(
    ("scheme", "color"),
    [
        ("light", "#ffe600"),
        ("dark", "#8a8a8a"),
        *slow(("light", "#2563eb"), ("light", "#8a8a8a"), ("dark", "#2563eb"), ("dark", "#ffe600")),
    ],
)
def test_widget_has_no_accessibility_violations(site, page, tenants, scheme, color, reply_by_rest):
    type(tenants.north).objects.filter(pk=tenants.north.pk).update(primary_color=color)
    page.emulate_media(color_scheme=scheme)
    site.open(page)
    launcher(page).wait_for()
    assert violations(page) == []
    launcher(page).click()
    page.wait_for_timeout(300)
    assert violations(page) == []
    page.get_by_role("button", name="Start the chat").click()
    page.get_by_text("Please fill this in.").first.wait_for()
    assert violations(page) == []
    page.get_by_label("Name", exact=True).fill("Maya")
    page.get_by_label("Email", exact=True).fill("maya@example.com")
    page.locator("textarea[name=message]").fill("Hello?")
    page.get_by_role("button", name="Start the chat").click()
    wait_until_stored(["Hello?"])
    reply_by_rest("See https://shop.example/faq")
    page.get_by_role("log").get_by_role("link").wait_for()
    assert violations(page) == []
    page.context.set_offline(True)
    write_message(page, "offline")
    page.get_by_text("You are offline.", exact=False).first.wait_for()
    assert violations(page) == []
    page.context.set_offline(False)
    wait_until_stored(["Hello?", "See https://shop.example/faq", "offline"])


def test_widget_is_usable_by_keyboard_alone(site, page):
    site.open(page, csp=STRICT)
    launcher(page).focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    for text in ("Maya", "maya@example.com", "+251 11 000", "Hello?"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_until_stored(["Hello?"])
    expect_message(page, "Hello?")
    page.keyboard.type("And by Enter")
    page.keyboard.press("Enter")
    wait_until_stored(["Hello?", "And by Enter"])
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    assert (
        page.evaluate("document.documentElement.lastElementChild.shadowRoot.activeElement.ariaLabel").strip()
        == "Open chat"
    )
