"""Browser tests of the visitor's pane: edit the visitor, be warned of a second lead, and erase the visitor."""

import pytest
from playwright.sync_api import expect

from conversations.models import Visitor
from leads.actions import create_lead
from leads.models import Lead
from tests.inbox.test_in_a_browser import path_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


def test_a_visitor_is_edited_becomes_a_lead_and_is_erased(tenants, conversations, browsers):
    page = browsers.open(tenants.alice, path_of(conversations.north))
    pane, dialog = page.locator("#visitor-pane"), page.get_by_role("dialog")
    pane.get_by_role("button", name="Edit details").click()
    dialog.get_by_label("Name").fill("Maya Quill")
    dialog.get_by_label("E-mail").fill("maya@nowhere")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_have_text("Enter a valid email address.")
    dialog.get_by_label("E-mail").fill("maya@quill.example")
    dialog.get_by_role("button", name="Save").click()
    expect(pane.get_by_role("heading", name="Maya Quill")).to_be_visible()
    expect(page.locator("#thread-pane h2")).to_have_text("Maya Quill")

    known = create_lead(tenants.acme.pk, name="Known lead", email="MAYA@quill.example")
    pane.get_by_role("button", name="Create lead").click()
    dialog.get_by_role("button", name="Create lead").click()
    warning = dialog.get_by_role("alert")
    expect(warning).to_contain_text("There is already a lead with this e-mail: Known lead.")
    expect(warning.get_by_role("link")).to_have_attribute("href", f"/app/leads/{known.pk}/change/")
    assert Lead.objects.filter(email__iexact="maya@quill.example").count() == 1
    dialog.get_by_role("button", name="Create lead").click()
    expect(pane.get_by_role("link", name="Maya Quill")).to_be_visible()

    pane.get_by_role("link", name="Erase the visitor").click()
    page.get_by_role("button", name="Erase").click()
    page.wait_for_url("**/app/inbox/")
    assert not Visitor.objects.filter(name="Maya Quill").exists()
    assert page.problems == []
