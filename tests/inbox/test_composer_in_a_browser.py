"""Writing: drafts of several tabs, mentions, canned replies, files, and what is too long."""

import pytest
from playwright.sync_api import expect

from conversations import actions
from conversations.actions.canned_replies import create_canned_reply
from conversations.models import Channel, Mention, Message, Note
from tests.inbox.pictures import PNG
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
    expect(page.locator(".entry.operator:not(.unsent)", has_text="ended there")).to_be_visible()
    expect(page.locator(".unsent")).to_have_count(0)
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


def chips(page):
    return page.locator("#composer .attached li")


def choose(page, *names, content=PNG):
    files = [{"name": name, "mimeType": "image/png", "buffer": content} for name in names]
    page.locator("#composer input[type=file]").set_input_files(files)


def composer_of(cast, talks, browsers):
    page = browsers.open(cast.alice, path_of(talks.north))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    return page, page.get_by_role("textbox", name="Reply"), page.get_by_role("button", name="Send", exact=True)


def sent_bodies(talk):
    rows = Message.objects.filter(conversation=talk, author__isnull=False).order_by("position")
    return list(rows.values_list("body", flat=True))


def test_chosen_and_dropped_files_wait_for_send_and_follow_the_text(cast, talks, browsers):
    page, field, _ = composer_of(cast, talks, browsers)
    uploads = []
    page.on("request", lambda request: uploads.append(request.url) if request.method == "POST" else None)
    choose(page, "one.png")
    expect(chips(page)).to_contain_text(["one.png"])
    assert page.evaluate(DROP, [["two.pdf", "three.pdf"], "#list"]) == [False, False]
    expect(chips(page)).to_contain_text(["one.png", "two.pdf", "three.pdf"])
    page.get_by_role("button", name="Remove two.pdf").click()
    expect(chips(page)).to_contain_text(["one.png", "three.pdf"])
    field.fill("Two files for you")
    page.wait_for_timeout(300)
    assert not any(url.endswith("/files/") for url in uploads)
    field.press("Control+Enter")
    expect(chips(page)).to_have_count(0)
    expect(page.locator(".entry:not(.unsent) .file")).to_have_count(2)
    assert sent_bodies(talks.north) == ["Two files for you", "one.png", "three.pdf"]
    assert page.problems == []


def test_files_alone_are_sent_and_the_conversation_is_resolved_behind_them(cast, talks, browsers):
    page, field, _ = composer_of(cast, talks, browsers)
    choose(page, "one.png", "two.png")
    expect(chips(page)).to_have_count(2)
    field.press("Control+Shift+Enter")
    expect(page.locator("#thread-pane .status")).to_contain_text("Resolved")
    assert sent_bodies(talks.north) == ["one.png", "two.png"]


def test_pasted_file_waits_for_send(cast, talks, browsers):
    page, field, send = composer_of(cast, talks, browsers)
    field.evaluate(
        """field => {
          const clipboardData = new DataTransfer();
          clipboardData.items.add(new File(["%PDF-1.4 "], "pasted.pdf", {type: "application/pdf"}));
          field.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true}));
        }"""
    )
    expect(chips(page)).to_contain_text(["pasted.pdf"])
    send.click()
    expect(page.locator(".entry:not(.unsent) .file")).to_have_text(["pasted.pdf"])


def test_what_the_server_would_not_take_is_told_before_it_is_uploaded(cast, talks, browsers):
    page, _, send = composer_of(cast, talks, browsers)
    refused = page.locator("#composer .refused")
    choose(page, "letter.docx", content=b"PK\x03\x04")
    accepted = "Images (PNG, JPEG, GIF, WebP) and PDF files are accepted, up to 10 MB."
    expect(refused).to_have_text(f"letter.docx was not attached: {accepted}")
    choose(page, "large.png", content=PNG + b"\0" * 10 * 2**20)
    expect(refused).to_have_text("large.png was not attached: it has 10.1 MB. Files of up to 10 MB are accepted.")
    choose(page, "empty.png", content=b"")
    expect(refused).to_contain_text("it is empty")
    choose(page, "fine.png", "also-fine.png")
    expect(chips(page)).to_have_count(2)
    choose(page, "photo.jpg", content=b"\xff\xd8\xff\xe0")
    expect(chips(page)).to_have_count(3)
    expect(refused).to_have_count(0)
    assert send.is_enabled()
    assert page.problems == []


def test_reply_and_note_are_two_drafts_and_outlive_a_reload(cast, talks, browsers):
    page, field, _ = composer_of(cast, talks, browsers)
    note = page.get_by_role("textbox", name="Note")
    field.fill("For the visitor")
    choose(page, "cable.png")
    expect(chips(page)).to_have_count(1)
    page.get_by_role("button", name="Note", exact=True).click()
    expect(note).to_have_value("")
    expect(chips(page)).to_be_hidden()
    note.fill("For us alone")
    page.get_by_role("button", name="Reply", exact=True).click()
    expect(field).to_have_value("For the visitor")
    expect(chips(page)).to_be_visible()
    page.get_by_role("button", name="Note", exact=True).click()
    page.reload()
    expect(note).to_have_value("For us alone")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.get_by_role("textbox", name="Note")).to_have_value("For us alone")
    note.press("Control+Enter")
    expect(page.locator(".entry.note:not(.unsent)", has_text="For us alone")).to_be_visible()
    for each in (page, other):  # which of the two is shown is each tab's own
        each.get_by_role("button", name="Reply", exact=True).click()
        expect(each.get_by_role("textbox", name="Reply")).to_have_value("For the visitor")
        expect(chips(each)).to_contain_text(["cable.png"])
    assert sent_bodies(talks.north) == []
    other.get_by_role("button", name="Send", exact=True).click()  # the other tab has the file, too
    other.locator("#log img[alt='cable.png']").wait_for()
    expect(chips(page)).to_have_count(0)
    assert sent_bodies(talks.north) == ["For the visitor", "cable.png"]
    assert not Note.objects.filter(body__contains="visitor").exists()


def test_file_that_is_dropped_on_a_note_waits_in_the_reply(cast, talks, browsers):
    page, field, _ = composer_of(cast, talks, browsers)
    page.get_by_role("button", name="Note", exact=True).click()
    page.get_by_role("textbox", name="Note").fill("Only for us")
    page.evaluate(DROP, [["one.pdf"], "#composer"])
    expect(page.get_by_text("Notes take no files.")).to_be_visible()
    page.keyboard.type(", really")
    expect(page.get_by_role("textbox", name="Note")).to_have_value("Only for us, really")
    page.get_by_role("button", name="Reply", exact=True).click()
    expect(chips(page)).to_be_visible()
    expect(field).to_have_value("")


def test_another_tab_does_not_turn_a_note_into_a_reply(cast, talks, browsers):
    page, _, _ = composer_of(cast, talks, browsers)
    page.get_by_role("button", name="Note", exact=True).click()
    note = page.get_by_role("textbox", name="Note")
    note.fill("Only for us")
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Reply", exact=True).click()
    other.get_by_role("textbox", name="Reply").fill("Dear customer")
    page.bring_to_front()
    expect(note).to_have_value("Only for us")
    note.press_sequentially(" and nobody else")
    expect(note).to_have_value("Only for us and nobody else")
    other.close()


def test_a_note_that_is_chosen_and_still_empty_is_chosen_after_a_reload(cast, talks, browsers):
    page, _, _ = composer_of(cast, talks, browsers)
    page.get_by_role("button", name="Note", exact=True).click()
    page.reload()
    expect(page.get_by_role("textbox", name="Note")).to_be_visible()


@pytest.mark.parametrize(("kind", "label"), [("reply", "Reply"), ("note", "Note")])
def test_draft_of_the_version_before_is_read(cast, talks, browsers, kind, label):
    page, _, _ = composer_of(cast, talks, browsers)
    page.evaluate(
        """([operator, talk, kind]) =>
          localStorage.setItem(`praxtalk.inbox.${operator}.draft.${talk}`, JSON.stringify({body: "Half a sen", kind}))""",
        [str(cast.alice.pk), str(talks.north.pk), kind],
    )
    page.reload()
    expect(page.get_by_role("textbox", name=label)).to_have_value("Half a sen")
    other = "Note" if label == "Reply" else "Reply"
    page.get_by_role("button", name=other, exact=True).click()
    expect(page.get_by_role("textbox", name=other)).to_have_value("")


def test_files_wait_for_a_text_that_is_held_back_and_come_back_with_it(cast, talks, browsers):
    page, field, _ = composer_of(cast, talks, browsers)
    choose(page, "cable.png")
    field.press_sequentially("Let me see.")
    actions.send_message(
        talks.north, role=Message.Role.OPERATOR, body="I have it.", channel=Channel.DASHBOARD, author=cast.bob
    )
    expect(page.get_by_role("log")).to_contain_text("I have it.")
    field.press("Control+Enter")
    held = page.locator(".unsent", has_text="Let me see.")
    expect(held).to_contain_text("Bob has answered meanwhile")
    expect(page.locator(".unsent", has_text="cable.png")).to_contain_text("Waits for the message above")
    page.reload()
    expect(page.locator(".unsent", has_text="cable.png")).to_contain_text("Waits for the message above")
    held.get_by_role("button", name="Edit").click()
    expect(field).to_have_value("Let me see.")
    expect(chips(page)).to_contain_text(["cable.png"])
    assert sent_bodies(talks.north) == ["I have it."]
    field.press("Control+Enter")
    page.locator("#log img[alt='cable.png']").wait_for()
    assert sent_bodies(talks.north) == ["I have it.", "Let me see.", "cable.png"]


def test_browser_that_cannot_keep_files_says_so(cast, talks, browsers, server):
    """A page without https has no Cache; nor is a draft of it offered to other tabs."""
    page = browsers.open(cast.alice, path_of(talks.north))
    page.add_init_script("delete globalThis.caches")
    page.reload()
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    choose(page, "cable.png")
    warning = page.get_by_text("reloading the page loses them")
    expect(warning).to_be_visible()
    page.get_by_role("button", name="Send", exact=True).click()
    page.locator("#log img[alt='cable.png']").wait_for()
    expect(warning).to_be_hidden()
