"""Behaviour of the widget: polling without WebSockets, sounds, unread counts, phone layout, reduced motion."""

from datetime import UTC, datetime, timedelta

import pytest

from brands.actions import configure_widget
from tests.live.driver import wait_for
from tests.tiers import slow
from tests.widget.conftest import STRICT, PageRecorder
from tests.widget.test_conversation import expect_message, fill_form, reply_by_rest, wait_until_stored, write_message

__all__ = ["reply_by_rest"]
pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]

COUNT_SOUNDS = """
  window.sounds = 0;
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function () { window.sounds++; start.call(this); };
  window.isHidden = false;
  window.isFocused = true;
  Object.defineProperty(document, "hidden", { get: () => isHidden });
  document.hasFocus = () => isFocused;
"""
HIDE_RUNG_IDS = """
  const { keys } = Object;
  Object.keys = (of) => keys(of).filter((key) => !key.endsWith(":rungId"));
"""

DEFINE_IS_ANIMATED = """window.isAnimated = (one) => [undefined, "::before", "::after"].some((part) => {
  const { animationName, transitionDuration } = getComputedStyle(one, part);
  return animationName !== "none" || parseFloat(transitionDuration);
})"""


def in_widget(page, expression):
    """Evaluate a JavaScript expression about `root`, the widget's shadow root, and return its value."""
    return page.evaluate(
        f"(() => {{ const root = document.querySelector('#praxtalk').shadowRoot; return {expression}; }})()"
    )


def unread(page):
    """Return the text of the unread badge, and the text for screen readers."""
    badge, status = "root.querySelector('.badge')", "root.querySelector('[role=status].unseen')"
    return in_widget(page, f"[{badge}.hidden ? '' : {badge}.textContent, {status}.textContent]")


@pytest.mark.parametrize("blocked", ["policy", *slow("gone")])
def test_widget_polls_where_websockets_are_blocked(site, page, reply_by_rest, blocked):
    if blocked == "gone":
        page.add_init_script("delete window.WebSocket")
    site.open(page, csp=STRICT.replace(" {socket}", "") if blocked == "policy" else None)
    fill_form(page, "Hello?")
    expect_message(page, "Hello?")
    wait_until_stored(["Hello?"])
    reply_by_rest("We are here.")
    page.get_by_role("log").get_by_text("We are here.").wait_for(timeout=20_000)
    write_message(page, "Good.")
    wait_until_stored(["Hello?", "We are here.", "Good."])


@pytest.mark.parametrize("storage", ["up to date", *slow("stale")])
def test_reply_plays_one_sound_across_tabs_and_only_if_the_page_is_not_in_use(site, context, reply_by_rest, storage):
    context.add_init_script(COUNT_SOUNDS + (HIDE_RUNG_IDS if storage == "stale" else ""))
    first, second = context.new_page(), context.new_page()
    site.open(first)
    fill_form(first, "Hello?")
    wait_until_stored(["Hello?"])
    site.open(second)
    second.locator("h1").click()  # browsers allow sound only after the user has interacted with the page
    expect_message(second, "Hello?")

    def sounds_per_tab():
        """Return the sorted numbers of sounds per tab, once no tab plays one: a tab holds a lock while it does."""
        ringing = "navigator.locks.query().then((all) => /:ring:/.test(JSON.stringify(all)))"
        wait_for(lambda: not first.evaluate(ringing), "a sound does not end")
        return sorted(tab.evaluate("sounds") for tab in (first, second))

    for text, state, expected in [
        ("seen at once", "isHidden = false", [[0, 0]]),
        ("behind another tab", "isHidden = true", [[0, 1]]),
        ("behind another window", "isHidden = isFocused = false", [[0, 2], [1, 1]]),
    ]:
        for tab in (first, second):
            tab.evaluate(state)
        reply_by_rest(text)
        for tab in (first, second):
            expect_message(tab, text)
        wait_for(lambda expected=expected: sounds_per_tab() in expected, f"{text}: not {expected}")
    assert sum(sounds_per_tab()) == 2


def test_unread_count_is_the_same_in_all_tabs(site, context, reply_by_rest):
    first, second = context.new_page(), context.new_page()
    site.open(first)
    fill_form(first, "Hello?")
    wait_until_stored(["Hello?"])
    first.get_by_role("button", name="Close chat").first.click()
    site.open(second)
    second.get_by_role("button", name="Open chat").wait_for()
    for number, text in enumerate(("one", "two"), start=1):
        reply_by_rest(text)
        for tab in (first, second):
            wait_for(
                lambda tab=tab, number=number: unread(tab) == [str(number), f"{number} unread messages"], "not unread"
            )
            assert tab.get_by_role("button", name=f"Open chat {number} unread messages").is_visible()
    second.get_by_role("button", name="Open chat").click()
    expect_message(second, "two")
    for tab in (first, second):
        wait_for(lambda tab=tab: unread(tab) == ["", ""], "still unread")


def test_on_a_phone_the_widget_fills_the_screen_and_traps_the_focus(site, browser):
    context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page = context.new_page()
    site.open(page)
    launcher, dialog = page.get_by_role("button", name="Open chat"), page.get_by_role("dialog", name="Chat")
    launcher.tap()
    whole = {"x": 0, "y": 0, "width": 390, "height": 844}
    wait_for(lambda: dialog.bounding_box() == whole, "it does not fill the screen")
    assert dialog.get_attribute("aria-modal") == "true"
    assert in_widget(page, "getComputedStyle(root.querySelector('.bubble')).display") == "none"
    # no field: a phone's keyboard would cover half
    assert in_widget(page, "root.activeElement === root.querySelector('.panel')")
    stops = ["close", "name", "email", "phone", "message", "submit"]
    for key, way in {"Tab": [*stops, "close"], "Shift+Tab": [*reversed(stops), "submit"]}.items():
        in_widget(page, "root.querySelector('.panel').focus()")
        for stop in way:
            page.keyboard.press(key)
            assert in_widget(page, "root.activeElement.name || root.activeElement.className") == stop, key
    page.get_by_role("button", name="Close chat").tap()
    assert dialog.is_hidden()
    assert launcher.is_visible()
    assert in_widget(page, "root.activeElement === root.querySelector('.bubble')")
    context.close()


def test_reduced_motion_disables_all_animations(site, page):
    page.emulate_media(reduced_motion="reduce")
    site.open(page)
    page.get_by_role("button", name="Open chat").click()
    page.get_by_label("Name", exact=True).wait_for()
    assert in_widget(page, "root.getAnimations().length") == 0
    page.evaluate(f"() => {{ {DEFINE_IS_ANIMATED} }}")
    assert in_widget(page, "[...root.querySelectorAll('*')].filter(isAnimated).map((one) => one.className)") == []


def test_forced_colours_keep_borders_visible(site, page):
    page.emulate_media(forced_colors="active")
    site.open(page)
    page.get_by_role("button", name="Open chat").click()
    for part in ("bubble", "panel", "submit"):
        assert in_widget(page, f"getComputedStyle(root.querySelector('.{part}')).borderTopWidth") == "1px", part


def test_messages_of_another_day_show_the_date(site, page):
    site.open(page)
    fill_form(page, "Hello?")
    wait_until_stored(["Hello?"])
    expect_message(page, "Today")
    sent = page.evaluate("new Date().toLocaleDateString('en-US', { weekday: 'long', day: 'numeric', month: 'long' })")
    page.clock.set_fixed_time(datetime.now(UTC) + timedelta(days=3))
    page.reload()
    expect_message(page, sent)


def test_colour_scheme_follows_the_system(site, page):
    site.open(page)
    page.get_by_role("button", name="Open chat").click()
    for scheme, is_dark in {"light": False, "dark": True}.items():
        page.emulate_media(color_scheme=scheme)
        for part in (".panel", "#message"):
            paper, ink = (
                sum(in_widget(page, f"getComputedStyle(root.querySelector('{part}')).{one}.match(/\\d+/g).map(Number)"))
                for one in ("backgroundColor", "color")
            )
            assert (paper < ink) == is_dark, (scheme, part)


@pytest.mark.parametrize("locale", [*slow("en-US"), "ar-EG"])
def test_widget_is_on_the_side_chosen_by_the_brand(site, browser, tenants, locale):
    configure_widget(tenants.north, side="left")
    context = browser.new_context(locale=locale)
    page = context.new_page()
    site.open(page)
    launcher = page.locator("#praxtalk .bubble")
    launcher.click()
    page.locator("textarea[name=message]").wait_for()
    for part in (launcher, page.locator("#praxtalk .panel")):
        assert part.bounding_box()["x"] <= 20
    context.close()


def test_arabic_widget_is_laid_out_from_right_to_left(site, browser):
    context = browser.new_context(locale="ar-EG", viewport={"width": 1280, "height": 800})
    page = context.new_page()
    site.open(page)
    page.get_by_role("button", name="فتح").click()
    page.locator("textarea[name=message]").wait_for()
    assert in_widget(page, "getComputedStyle(root.querySelector('.panel')).direction") == "rtl"
    close, face = (
        in_widget(page, f"root.querySelector('.{part}').getBoundingClientRect().left") for part in ("close", "face")
    )
    assert close < face
    assert (
        in_widget(page, "root.querySelector('.panel').getBoundingClientRect().right") > 1200
    )  # the brand's side applies in right-to-left languages too
    context.close()


def test_script_included_twice_shows_one_widget(site, page):
    site.html = f"<h1>Shop</h1>{site.tag}"
    recorder = site.open(page)
    page.get_by_role("button", name="Open chat").wait_for()
    assert len([url for url in recorder.requests if "/widget/v1/config" in url]) == 1
    assert page.locator("#praxtalk").count() == 1
    assert recorder.errors() == []


@pytest.mark.parametrize("widget_id", ["ws_unknown", ""])
def test_invalid_widget_id_leaves_the_page_unchanged(site, page, widget_id):
    site.widget_id = widget_id
    recorder = PageRecorder(page)
    with page.expect_console_message(lambda message: message.text.startswith("PraxTalk:")) as console_message:
        page.goto(site.url)
    assert console_message.value.text == ("PraxTalk: not_found" if widget_id else "PraxTalk: data-widget-id")
    assert page.locator("#praxtalk").count() == 0
    assert len(recorder.errors()) <= 1  # Chromium logs the 404 itself


def test_widget_removed_by_the_page_is_added_again(site, page):
    site.open(page)
    fill_form(page, "Hello?")
    expect_message(page, "Hello?")
    page.evaluate("document.querySelector('#praxtalk').remove()")
    expect_message(page, "Hello?")


def test_typing_in_the_widget_does_not_trigger_shortcuts_of_the_page(site, page):
    site.html = "<h1>Shop</h1>"
    site.open(page)
    page.evaluate(
        "window.keys = []; for (const type of ['keydown', 'keypress', 'keyup'])"
        " addEventListener(type, ({ key }) => keys.push([type, key]))"
    )
    page.get_by_role("button", name="Open chat").click()
    page.get_by_label("Name", exact=True).press_sequentially("Maya")
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog", name="Chat").is_hidden()
    assert in_widget(page, "root.activeElement === root.querySelector('.bubble')")
    assert page.evaluate("keys") == []
