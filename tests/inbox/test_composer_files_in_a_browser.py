"""Browser tests of files in the composer: chosen, dropped, pasted and rejected."""

import pytest
from playwright.sync_api import expect

from conversations import actions
from conversations.models import Channel, Message
from tests.inbox.pictures import PNG
from tests.inbox.test_composer_in_a_browser import chips, choose_files, open_composer, sent_operator_bodies
from tests.inbox.test_in_a_browser import path_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


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


def test_chosen_and_dropped_files_are_sent_after_the_text_when_send_is_pressed(tenants, conversations, browsers):
    page, field, _ = open_composer(tenants, conversations, browsers)
    uploads = []
    page.on("request", lambda request: uploads.append(request.url) if request.method == "POST" else None)
    choose_files(page, "one.png")
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
    assert sent_operator_bodies(conversations.north) == ["Two files for you", "one.png", "three.pdf"]
    assert page.problems == []


def test_files_without_text_are_sent_before_the_conversation_is_resolved(tenants, conversations, browsers):
    page, field, _ = open_composer(tenants, conversations, browsers)
    choose_files(page, "one.png", "two.png")
    expect(chips(page)).to_have_count(2)
    field.press("Control+Shift+Enter")
    expect(page.locator("#thread-pane .status")).to_contain_text("Resolved")
    assert sent_operator_bodies(conversations.north) == ["one.png", "two.png"]


def test_pasted_file_is_sent_only_when_send_is_pressed(tenants, conversations, browsers):
    page, field, send = open_composer(tenants, conversations, browsers)
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


def test_files_the_server_would_reject_are_rejected_before_upload(tenants, conversations, browsers, tmp_path):
    page, _, send = open_composer(tenants, conversations, browsers)
    refused = page.locator("#composer .refused")
    choose_files(page, "letter.docx", content=b"PK\x03\x04")
    accepted = "Images (PNG, JPEG, GIF, WebP) and PDF files are accepted, up to 10 MB."
    expect(refused).to_have_text(f"letter.docx was not attached: {accepted}")
    (tmp_path / "large.png").write_bytes(PNG + b"\0" * 10 * 2**20)
    page.locator("#composer input[type=file]").set_input_files(tmp_path / "large.png")
    expect(refused).to_have_text("large.png was not attached: it has 10.1 MB. Files of up to 10 MB are accepted.")
    choose_files(page, "empty.png", content=b"")
    expect(refused).to_contain_text("it is empty")
    choose_files(page, "fine.png", "also-fine.png")
    expect(chips(page)).to_have_count(2)
    choose_files(page, "photo.jpg", content=b"\xff\xd8\xff\xe0")
    expect(chips(page)).to_have_count(3)
    expect(refused).to_have_count(0)
    assert send.is_enabled()
    assert page.problems == []


def test_file_dropped_on_a_note_is_attached_to_the_reply_draft(tenants, conversations, browsers):
    page, field, _ = open_composer(tenants, conversations, browsers)
    page.get_by_role("button", name="Note", exact=True).click()
    page.get_by_role("textbox", name="Note").fill("Only for us")
    page.evaluate(DROP, [["one.pdf"], "#composer"])
    expect(page.get_by_text("Notes cannot have files.")).to_be_visible()
    page.keyboard.type(", really")
    expect(page.get_by_role("textbox", name="Note")).to_have_value("Only for us, really")
    page.get_by_role("button", name="Reply", exact=True).click()
    expect(chips(page)).to_be_visible()
    expect(field).to_have_value("")


def test_files_wait_for_a_held_text_and_return_to_the_composer_with_it(tenants, conversations, browsers):
    page, field, _ = open_composer(tenants, conversations, browsers)
    choose_files(page, "cable.png")
    field.press_sequentially("Let me see.")
    actions.send_message(
        conversations.north,
        role=Message.Role.OPERATOR,
        body="I have it.",
        channel=Channel.DASHBOARD,
        author=tenants.bob,
    )
    expect(page.get_by_role("log")).to_contain_text("I have it.")
    field.press("Control+Enter")
    held = page.locator(".unsent", has_text="Let me see.")
    expect(held).to_contain_text("Bob has already replied")
    expect(page.locator(".unsent", has_text="cable.png")).to_contain_text("Waiting for the message above")
    page.reload()
    expect(page.locator(".unsent", has_text="cable.png")).to_contain_text("Waiting for the message above")
    held.get_by_role("button", name="Edit").click()
    expect(field).to_have_value("Let me see.")
    expect(chips(page)).to_contain_text(["cable.png"])
    assert sent_operator_bodies(conversations.north) == ["I have it."]
    field.press("Control+Enter")
    page.locator("#log img[alt='cable.png']").wait_for()
    assert sent_operator_bodies(conversations.north) == ["I have it.", "Let me see.", "cable.png"]


def test_browser_without_cache_storage_warns_that_a_reload_loses_files(tenants, conversations, browsers, server):
    """Pages without HTTPS have no Cache API. Drafts with such files are not offered to other tabs either."""
    page = browsers.open(tenants.alice, path_of(conversations.north))
    page.add_init_script("delete globalThis.caches")
    page.reload()
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    choose_files(page, "cable.png")
    warning = page.get_by_text("lost if you reload the page")
    expect(warning).to_be_visible()
    page.get_by_role("button", name="Send", exact=True).click()
    page.locator("#log img[alt='cable.png']").wait_for()
    expect(warning).to_be_hidden()
