"""Writing: drafts of several tabs, mentions, canned replies, files, and what is too long."""

import pytest
from playwright.sync_api import expect

from conversations.canned_replies import create_canned_reply
from conversations.models import Mention, Message
from tests.inbox.test_in_a_browser import path_of, reply

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


def test_two_tabs_write_one_draft(cast, talks, browsers):
    page = browsers.open(cast.alice, path_of(talks.north))
    other = page.context.new_page()
    other.goto(page.url)
    fields = [each.get_by_role("textbox", name="Reply") for each in (page, other)]
    fields[0].fill("Begun here,")
    expect(fields[1]).to_have_value("Begun here,")
    fields[1].fill("Begun here, ended there.")
    expect(fields[0]).to_have_value("Begun here, ended there.")
    reply(other, "Begun here, ended there.")
    expect(page.locator(".entry.operator", has_text="ended there")).to_be_visible()
    expect(fields[0]).to_have_value("")
    assert page.problems == []


def test_what_a_closed_tab_was_sending_is_sent_by_another(cast, talks, browsers):
    page = browsers.open(cast.alice, path_of(talks.north))
    closing = page.context.new_page()
    closing.goto(page.url.split("/app/")[0] + "/app/profile/")
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    page.clock.install()
    closing.evaluate(
        """([operator, talk]) => {
          const sent = {id: "one", conversationId: talk, kind: "reply", body: "Gone in a hurry", mentions: [], at: 1};
          localStorage.setItem(`praxtalk.inbox.${operator}.sent.one`, JSON.stringify(sent));
        }""",
        [str(cast.alice.pk), str(talks.north.pk)],
    )
    closing.close()
    expect(page.locator(".unsent")).to_contain_text("Gone in a hurry")
    page.clock.run_for(16_000)
    expect(page.locator(".entry.operator:not(.unsent)", has_text="Gone in a hurry")).to_be_visible()
    expect(page.locator(".unsent")).to_have_count(0)
    assert Message.objects.filter(body="Gone in a hurry").count() == 1


def test_who_does_not_see_the_brand_is_not_offered_and_nor_are_others_replies(cast, talks, browsers):
    for brand, shortcut in ((cast.north, "north"), (cast.south, "south"), (None, "all")):
        create_canned_reply(cast.acme.pk, shortcut=shortcut, body="Hello", brand=brand)
    page = browsers.open(cast.alice, path_of(talks.south))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    page.keyboard.press("a")
    choices = page.locator("#dialog .choices button")
    expect(choices).to_have_text(["Me", "Nobody"])
    page.keyboard.press("Escape")
    page.get_by_role("textbox", name="Reply").press_sequentially("/")
    expect(page.locator("#suggestions strong")).to_have_text(["/all", "/south"])
    page.get_by_role("textbox", name="Reply").fill("")
    page.get_by_role("button", name="Note", exact=True).click()
    page.get_by_role("textbox", name="Note").press_sequentially("@b")
    expect(page.locator("#suggestions")).to_be_hidden()


def test_mentions_are_those_of_the_text(cast, talks, browsers):
    """Chosen or typed in full, and through a reload."""
    page = browsers.open(cast.alice, path_of(talks.north))
    page.get_by_role("button", name="Note", exact=True).click()
    field = page.get_by_role("textbox", name="Note")
    field.fill("Bob? bob@example.com, @Bobby and @alice know")
    field.press("Control+Enter")
    expect(page.locator(".entry.note:not(.unsent)", has_text="Bobby")).to_be_visible()
    assert not Mention.objects.exists()
    field.fill("Look at this, @bob.")
    page.reload()
    expect(field).to_have_value("Look at this, @bob.")
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    field.press("Control+Enter")
    expect(page.locator(".entry.note:not(.unsent)", has_text="Look at this")).to_be_visible()
    assert [mention.operator for mention in Mention.objects.all()] == [cast.bob]


def test_what_is_too_long_is_told_and_not_cut(cast, talks, browsers):
    page = browsers.open(cast.alice, path_of(talks.north))
    field = page.get_by_role("textbox", name="Reply")
    field.fill("w" * 12_000)
    expect(page.locator("#composer .refused")).to_have_text("12,000 of 10,000 characters")
    field.press("Control+Enter")
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    expect(page.locator(".unsent")).to_have_count(0)
    field.fill("😀" * 10_000)
    field.press("Control+Enter")
    expect(page.locator(".entry.operator:not(.unsent)", has_text="😀")).to_be_visible()
    assert Message.objects.filter(body="😀" * 10_000).count() == 1


def test_who_has_no_canned_replies_is_told_where_they_are_made(cast, talks, browsers):
    page = browsers.open(cast.alice, path_of(talks.north))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    page.get_by_role("textbox", name="Reply").press_sequentially("/")
    expect(page.get_by_role("option")).to_contain_text(["No canned replies yet"])


DROP = """
([names, selector]) => {
  const dataTransfer = new DataTransfer();
  for (const name of names) dataTransfer.items.add(new File(["%PDF-1.4 " + name], name, {type: "application/pdf"}));
  const over = new DragEvent("dragover", {dataTransfer, bubbles: true, cancelable: true});
  const drop = new DragEvent("drop", {dataTransfer, bubbles: true, cancelable: true});
  const place = document.querySelector(selector);
  return [place.dispatchEvent(over), place.dispatchEvent(drop)]; // false: prevented, the page stays
}
"""


def test_files_that_are_dropped_are_asked_about_and_all_sent(cast, talks, browsers):
    page = browsers.open(cast.alice, path_of(talks.north))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    assert page.evaluate(DROP, [["one.pdf", "two.pdf", "three.pdf"], "#list"]) == [False, False]
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Send one.pdf, two.pdf, three.pdf to Maya A.?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.locator(".unsent")).to_have_count(0)
    page.evaluate(DROP, [["one.pdf", "two.pdf"], "#composer"])
    dialog.get_by_role("button", name="Send 2 files").click()
    expect(page.locator(".entry:not(.unsent) .file")).to_have_text(["one.pdf", "two.pdf"])
    assert Message.objects.filter(conversation=talks.north).count() == 4
