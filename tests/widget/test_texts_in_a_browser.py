"""Browser tests of the texts in the widget: Markdown and links of messages, and what the composer sends."""

import pytest
from playwright.sync_api import expect

from tests.widget.conftest import STRICT
from tests.widget.test_conversation import expect_message, fill_form, reply_by_rest, stored_bodies, wait_until_stored

__all__ = ["reply_by_rest"]

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]

WIKI = "https://wiki.example/wiki/Cable_(USB)"


def test_markdown_of_operators_and_links_of_the_visitor_are_shown_under_a_strict_policy(site, page, reply_by_rest):
    recorder = site.open(page, csp=STRICT)
    fill_form(page, f"**not bold** {WIKI}")
    own = page.locator(".message.own .text")
    expect(own).to_have_text(f"**not bold** {WIKI}")
    expect(own.get_by_role("link")).to_have_attribute("href", WIKI)
    wait_until_stored([f"**not bold** {WIKI}"])
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


def test_only_what_can_be_seen_is_sent_and_never_in_the_middle_of_a_composition(site, page):
    site.open(page)
    page.get_by_role("button", name="Open chat").click()
    page.evaluate("PraxTalk('prefill', { message: 'Please help me with this 👍'.slice(0, 26) })")
    page.get_by_label("Name", exact=True).fill("Ma\u200bya")
    page.get_by_label("Email", exact=True).fill("maya@example.com")
    page.get_by_role("button", name="Start the chat").click()
    wait_until_stored(["Please help me with this \ufffd"])
    box = page.get_by_placeholder("Write a message …")
    press = """(box, [text, more]) => {
      box.value = text;
      box.dispatchEvent(new Event("input"));
      box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, ...more }));
    }"""
    for text in ("\u200b", "\u0000", " \u2060\n"):
        box.evaluate(press, [text, {}])
    for more in ({"keyCode": 229}, {"isComposing": True}):  # Safari sends the first one after compositionend
        box.evaluate(press, ["にほ", more])
    box.evaluate(press, ["a\u0000b", {}])
    expect_message(page, "ab")
    wait_until_stored(["Please help me with this \ufffd", "ab"])
    assert len(stored_bodies()) == 2
