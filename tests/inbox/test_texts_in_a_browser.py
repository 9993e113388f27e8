"""Browser tests of how the inbox and the dashboard show texts: Markdown, links, names; and of what the composer sends."""

import pytest
from playwright.sync_api import expect

from accounts.models import Operator
from brands.models import Brand
from conversations import actions
from conversations.models import Message, Note, Tag, Visitor
from leads.models import Lead
from tests.inbox.test_in_a_browser import add_message, path_of, row

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]

LONG, REVERSED = "W" * 150, "\u202eecilA"
# Elements whose content is wider than they are, except for texts that are cut off on purpose.
SCROLLING = """() => [...document.querySelectorAll("html, body, body *")]
  .filter((one) => one.checkVisibility() && one.clientWidth && one.scrollWidth > one.clientWidth + 1)
  .filter((one) => ["visible", "auto", "scroll"].includes(getComputedStyle(one).overflowX))
  .filter((one) => getComputedStyle(one).display !== "inline" && one.localName !== "select")
  .map((one) => `${one.localName}#${one.id}.${one.className}`)"""
# Texts around a reversed name that are in the same paragraph and not isolated from it.
NOT_ISOLATED = """(mark) => {
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const name = texts.currentNode.data;
    if (!name.includes(mark)) continue;
    let element = texts.currentNode.parentElement;
    if (element.closest("script, option, textarea")) continue;
    const isOpen = () => {
      const { display, unicodeBidi } = getComputedStyle(element);
      return display === "inline" && !["isolate", "plaintext"].includes(unicodeBidi);
    };
    while (isOpen() && element.textContent.trim() === name.trim()) element = element.parentElement;
    if (element.textContent.trim() !== name.trim()) found.push(element.outerHTML.slice(0, 200));
  }
  return found;
}"""


def name_everyone(name):
    Visitor.objects.update(name=name)
    Operator.objects.update(name=name[:100])
    Brand.objects.update(name=name[:80])
    Tag.objects.update(name=name[:40])
    Lead.objects.update(name=name)


def test_markdown_of_operators_and_links_of_visitors_are_shown(tenants, conversations, browsers):
    add_message(conversations.north, "**not bold** `__init__` https://wiki.example/wiki/Cable_(USB)")
    add_message(
        conversations.north, "**Bold** <b>\n- one\n- two\n\nwww.shop.example", role="operator", author=tenants.alice
    )
    actions.write_note(conversations.north, author=tenants.alice, body="> a `note`")
    page = browsers.open(tenants.bob, path_of(conversations.north))
    plain = page.locator(".entry.visitor .body").last
    expect(plain).to_have_text("**not bold** `__init__` https://wiki.example/wiki/Cable_(USB)")
    link = plain.get_by_role("link")
    expect(link).to_have_attribute("href", "https://wiki.example/wiki/Cable_(USB)")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(link).to_have_attribute("target", "_blank")
    rich = page.locator(".entry.operator .body").last
    expect(rich.locator("strong")).to_have_text("Bold")
    expect(rich.locator("b")).to_have_count(0)
    expect(rich.locator("ul > li")).to_have_text(["one", "two"])
    assert rich.locator("li").first.evaluate("li => getComputedStyle(li).listStyleType") == "disc"
    expect(rich.get_by_role("link")).to_have_attribute("href", "http://www.shop.example")
    expect(page.locator(".entry.note blockquote code")).to_have_text("note")
    expect(row(page, "Maya").locator("p").first).to_have_text("Bold <b> • one • two www.shop.example")
    assert page.problems == []


def test_names_in_the_inbox_neither_scroll_sideways_nor_reverse_what_is_beside_them(tenants, conversations, browsers):
    north = conversations.north
    tag = actions.create_tag(tenants.acme.pk, name="urgent")
    actions.change_tags(north, add=[tag.pk], remove=[])
    actions.assign(north, operator=tenants.alice)
    add_message(north, f"Hello {LONG}")
    add_message(
        north, f"```\n{LONG}\n```\n> {LONG}\n\nhttps://shop.example/{LONG}", role="operator", author=tenants.bob
    )
    page = browsers.open(tenants.alice)

    def scrolling(name, width):
        name_everyone(name)
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(page.url.split("/app/")[0] + "/app/inbox/")  # the mention must not be seen at once in the open thread
        actions.write_note(north, author=tenants.bob, body="Look", mentioned=[tenants.alice])
        expect(page.locator("#mentions a")).to_contain_text(name)
        expect(page.locator(".row")).to_have_count(2)
        found = faults(page, "list")
        page.locator("#mentions a").click()
        expect(page.locator(".who").first).to_contain_text(name)
        expect(page.locator("#thread-pane .status")).to_contain_text(name[:40])
        found |= faults(page, "thread")
        page.keyboard.press("t")
        expect(page.get_by_role("dialog")).to_contain_text(name[:40])
        found |= faults(page, "tags")
        page.keyboard.press("Escape")
        page.keyboard.press("a")
        found |= faults(page, "assign")
        return found

    for width in (390, 1440):
        usual = scrolling("Maya", width)
        assert scrolling(LONG, width) - usual == set()
    assert scrolling(REVERSED, 1440) - usual == set()
    assert page.problems == []


@pytest.mark.slow
def test_names_on_other_pages_neither_scroll_sideways_nor_reverse_what_is_beside_them(tenants, conversations, browsers):
    visitor, lead = (
        f"/app/visitors/{conversations.north.visitor_id}",
        f"/app/leads/{conversations.north_lead.pk}/change/",
    )
    paths = [f"{visitor}/change/", f"{visitor}/erase/", "/app/visitors/", "/app/leads/", lead]
    paths += ["/app/audit-log/", "/app/brands/", "/app/"]
    page = browsers.open(tenants.alice)
    origin = page.url.split("/app/")[0]

    def scrolling(name, width):
        name_everyone(name)
        page.set_viewport_size({"width": width, "height": 900})
        found = set()
        for path in paths:
            assert page.goto(origin + path).ok
            found |= faults(page, path)
        return found

    for width in (390, 1440):
        usual = scrolling("Maya", width)
        assert scrolling(LONG, width) - usual == set()
    assert scrolling(REVERSED, 1440) - usual == set()


def faults(page, where):
    """Return which elements scroll sideways, and which names are not isolated from the text beside them."""
    return {f"{where}: {fault}" for fault in page.evaluate(SCROLLING) + page.evaluate(NOT_ISOLATED, REVERSED[:2])}


def press(field, key, **options):
    """Press a key as an input method does, and return whether its default action was prevented."""
    event = {"key": key, "bubbles": True, "cancelable": True, **options}
    return not field.evaluate("(field, event) => field.dispatchEvent(new KeyboardEvent('keydown', event))", event)


SAFARI = {"keyCode": 229}  # after compositionend, with isComposing false


def test_only_what_can_be_seen_is_sent_and_never_in_the_middle_of_a_composition(tenants, conversations, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    before = Message.objects.count()
    field = page.get_by_role("textbox", name="Reply")
    send = page.get_by_role("button", name="Send", exact=True)
    for text in ("\u200b", " \u2060\n\u2800", "\u0000"):
        field.evaluate("(field, text) => { field.value = text; field.dispatchEvent(new Event('input')); }", text)
        send.click()
    expect(page.locator(".unsent")).to_have_count(0)
    field.evaluate(
        "field => { field.value = 'a\\0b ' + '👍'.slice(0, 1); field.dispatchEvent(new Event('input')); }",
    )
    press(field, "Enter", ctrlKey=True, **SAFARI)
    press(field, "Enter", ctrlKey=True, isComposing=True)
    expect(page.locator(".unsent")).to_have_count(0)
    press(field, "Enter", ctrlKey=True)
    expect(page.locator(".entry.operator:not(.unsent)", has_text="ab \ufffd")).to_be_visible()
    assert Message.objects.count() == before + 1

    page.get_by_role("button", name="Note", exact=True).click()
    note = page.get_by_role("textbox", name="Note")
    note.press_sequentially("@Bo")
    expect(page.locator("#suggestions [role=option]")).to_have_count(1)
    press(note, "Enter", **SAFARI)
    press(note, "Tab", **SAFARI)
    expect(note).to_have_value("@Bo")
    press(note, "Enter")
    expect(note).to_have_value("@Bob ")
    assert not Note.objects.exists()

    note.blur()
    page.keyboard.press("t")
    new_tag = page.get_by_label("New tag")
    new_tag.fill("にほん")
    assert press(new_tag, "Enter", **SAFARI)  # so that the form is not submitted
    press(new_tag, "Escape", **SAFARI)
    expect(page.get_by_role("dialog")).to_be_visible()
    new_tag.press("Enter")
    expect(page.locator("#thread-pane .status")).to_contain_text("#にほん")

    search = page.get_by_label("Search names, e-mails, phone numbers, messages and tags")
    search.fill("にほん")
    search.focus()
    assert not press(search, "Enter", **SAFARI)
    expect(search).to_be_focused()
    assert page.problems == []
