"""A browser test of the texts in the widget: what the visitor can send, and how messages are shown."""

import pytest
from playwright.sync_api import expect

from tests.widget.conftest import STRICT
from tests.widget.test_conversation import expect_message, reply_by_rest, wait_until_stored

__all__ = ["reply_by_rest"]

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]

WIKI = "https://wiki.example/wiki/Cable_(USB)"
PRESS_ENTER = """(box, [text, more]) => {
  box.value = text;
  box.dispatchEvent(new Event("input"));
  box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, ...more }));
}"""


def test_visible_texts_are_sent_and_shown_with_links_and_markdown_under_a_strict_policy(site, page, reply_by_rest):
    recorder = site.open(page, csp=STRICT)
    page.get_by_role("button", name="Open chat").click()
    # half an emoji, as a page that cuts texts writes it
    page.evaluate("text => PraxTalk('prefill', { message: text + '👍'.slice(0, 1) })", f"**not bold** {WIKI} ")
    page.get_by_label("Name", exact=True).fill("Maya")
    page.get_by_label("Email", exact=True).fill("maya@example.com")
    page.get_by_role("button", name="Start the chat").click()
    first = f"**not bold** {WIKI} \ufffd"
    wait_until_stored([first])
    box = page.get_by_placeholder("Write a message …")
    for text in ("\u200b", "\u0000", " \u2060\n"):
        box.evaluate(PRESS_ENTER, [text, {}])
    for more in ({"keyCode": 229}, {"isComposing": True}):  # Safari sends the first one after compositionend
        box.evaluate(PRESS_ENTER, ["にほ", more])
    box.evaluate(PRESS_ENTER, ["a\u0000b", {}])
    expect_message(page, "ab")
    wait_until_stored([first, "ab"])

    own = page.locator(".message.own .text").first
    expect(own).to_have_text(first)
    expect(own.get_by_role("link")).to_have_attribute("href", WIKI)
    reply_by_rest(f"**Bold** <b>\n1. one\n2. two\n\n> `code`\n\n{'W' * 150} www.shop.example")
    other = page.locator(".message.other .text").last
    expect(other.locator("strong")).to_have_text("Bold")
    expect(other.locator("b")).to_have_count(0)
    expect(other.locator("ol > li")).to_have_text(["one", "two"])
    expect(other.locator("blockquote code")).to_have_text("code")
    link = other.get_by_role("link")
    expect(link).to_have_attribute("href", "http://www.shop.example")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    assert other.locator("strong").evaluate("element => getComputedStyle(element).fontWeight") == "700"
    scroller = page.locator(".scroller")
    assert scroller.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert scroller.evaluate("one => one.scrollHeight - one.scrollTop - one.clientHeight") < 2  # it stays at the end
    assert recorder.reports() == []
