"""No page of the dashboard shows the texts or the style of Django's own admin."""

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

import praxtalk.urls  # noqa: F401 - registers the pages of the admin site
from accounts.models import Operator
from conversations.actions import create_tag
from conversations.actions.canned_replies import create_canned_reply
from conversations.models import CannedReply, Tag, Visitor
from leads.models import Lead
from praxtalk.core.dashboard import icons
from praxtalk.core.dashboard.site import dashboard
from praxtalk.core.dashboard.templatetags.components import face, face_color, initials, relative_time
from tests.live.conftest import need_node
from tests.servers import PROJECT

pytestmark = pytest.mark.django_db

STOCK_PHRASES = (
    *("Django", "successfully", "Are you sure", "Yes, I’m sure", "take me back", "Site administration", "Welcome,"),
    *("Log out", "quality time", "to change", "Save and add another", "Save and continue", "Add another"),
    *("Recently Viewed", "Run the selected action", '---------</option><option value="delete', " object (", "Home ›"),
    *("Please correct the error below.</p><p", "Change operator", "admin/css", "admin/js", "admin/img"),
)


@pytest.fixture
def samples(tenants, conversations):
    """Return one row of each model that has pages, as {model: row}."""
    tag = create_tag(tenants.acme.pk, name="billing")
    reply = create_canned_reply(tenants.acme.pk, shortcut="hello", body="Hello!")
    return {
        Visitor: Visitor.objects.get(brand=tenants.north),
        Lead: conversations.north_lead,
        Tag: tag,
        CannedReply: reply,
        Operator: tenants.bob,
    }


def stock_phrases(response):
    text = response.content.decode()
    return [phrase for phrase in STOCK_PHRASES if phrase in text]


def test_no_list_form_or_question_is_one_of_djangos(client, tenants, samples):
    client.force_login(tenants.alice)
    found = {}
    for model in dashboard._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        row = samples.get(model)
        urls = [reverse(f"{name}_changelist"), reverse(f"{name}_changelist") + "?q=nothing-like-this"]
        urls.append(reverse(f"{name}_add"))
        urls += [reverse(f"{name}_{page}", args=[row.pk]) for page in ("change", "delete")] if row else []
        for url in urls:
            response = client.get(url)
            assert response.status_code in (200, 403), url
            if phrases := stock_phrases(response):
                found[url] = phrases
    assert found == {}


def test_every_registered_page_belongs_to_a_model_with_a_sample_or_is_read_only(samples):
    """A new model's pages are walked by the tests of this module once `samples` has a row of it."""
    without = {model.__name__ for model in dashboard._registry if model not in samples}
    assert without == {"Brand", "AuditEntry"}  # tests/dashboard/test_pages_in_a_browser.py opens their pages


def test_messages_after_a_write_name_the_object(client, tenants, samples):
    client.force_login(tenants.alice)
    tag = samples[Tag]
    for path, form, message in (
        ("/app/tags/add/", {"name": "urgent"}, "urgent has been created."),
        (f"/app/tags/{tag.pk}/change/", {"name": "invoices"}, "invoices has been saved."),
        (f"/app/tags/{tag.pk}/delete/", {"post": "yes"}, "invoices has been deleted."),
    ):
        response = client.post(path, form, follow=True)
        assert message in response.content.decode()
        assert stock_phrases(response) == []


def test_rows_chosen_in_a_list_are_deleted_after_a_question(client, tenants, samples):
    client.force_login(tenants.alice)
    other = create_tag(tenants.acme.pk, name="urgent")
    choice = {"action": "delete_selected", "_selected_action": [samples[Tag].pk, other.pk], "index": "0"}
    question = client.post("/app/tags/", choice)
    assert "Delete 2 tags?" in question.content.decode()
    assert stock_phrases(question) == []
    assert Tag.objects.count() == 2
    response = client.post("/app/tags/", {**choice, "post": "yes"}, follow=True)
    assert "2 tags deleted." in response.content.decode()
    assert not Tag.objects.exists()


def test_rows_of_another_workspace_and_without_permission_are_not_deleted(client, tenants, samples):
    choice = {"action": "delete_selected", "_selected_action": [samples[Tag].pk], "post": "yes", "index": "0"}
    for operator in (tenants.mallory, tenants.bob):  # another workspace; one who sees some brands only
        client.force_login(operator)
        client.post("/app/tags/", choice)
        assert Tag.objects.filter(pk=samples[Tag].pk).exists()


def test_signing_out_leads_to_the_sign_in_page(client, tenants):
    client.force_login(tenants.alice)
    response = client.post("/app/logout/")
    assert (response.status_code, response["Location"]) == (302, "/app/login/")


def test_an_owner_starts_with_the_setup_steps_and_everyone_else_with_the_inbox(client, tenants):
    client.force_login(tenants.alice)
    assert client.get("/app/home/")["Location"] == "/app/"
    client.force_login(tenants.bob)
    assert client.get("/app/home/")["Location"] == "/app/inbox/"


def test_an_owner_starts_with_the_inbox_once_visitors_can_write(client, tenants, conversations):
    tenants.acme.brands.update(widget_seen_at=tenants.acme.created_at)
    client.force_login(tenants.alice)
    assert client.get("/app/home/")["Location"] == "/app/inbox/"


def test_the_style_guide_is_served_for_development_only(client, tenants, settings):
    client.force_login(tenants.alice)
    assert client.get("/app/styleguide/").status_code == 404
    settings.DEBUG = True
    assert "Style guide" in client.get("/app/styleguide/").content.decode()


def test_the_sprite_is_what_make_icons_writes(tmp_path, monkeypatch):
    committed = icons.SPRITE.read_text()
    monkeypatch.setattr(icons, "SPRITE", tmp_path / "icons.svg")
    icons.main()
    assert (tmp_path / "icons.svg").read_text() == committed


def test_scripts_use_only_icons_of_the_sprite():
    scripts = (PROJECT / "static/dashboard").rglob("*.js")
    used = {name for path in scripts for name in re.findall(r"\bicon\(\"([a-z0-9-]+)\"", path.read_text())}
    assert used <= set(icons.ICONS)


def test_faces_show_initials():
    names = ("Maya Abebe", "bob", "李娜", "", "<b> x")
    assert [initials(name) for name in names] == ["MA", "B", "李", "?", "X"]
    assert "<b>" not in face("<b>x", "id")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "just now"), (300, "5 min ago"), (7200, "2 h ago"), (3 * 86_400, "26 Nov"), (400 * 86_400, "25 Oct 2025")],
)
def test_times_are_relative_and_have_the_exact_time_as_title(seconds, text):
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    with time_machine.travel(now, tick=False):
        html = relative_time(now - timedelta(seconds=seconds))
    assert f">{text}</time>" in html
    assert "title=" in html


def test_a_missing_time_is_a_dash():
    assert relative_time(None) == "–"


def test_scripts_draw_the_same_faces_as_templates():
    need_node()
    samples = [("Maya Abebe", "01a2281d"), ("李娜", "b"), ("", "c"), ("o'neil, jr. the second", "é")]
    script = (
        'import { faceColor, initialsOf } from "./static/dashboard/face.js";'
        f"console.log(JSON.stringify({json.dumps(samples)}.map(([name, id]) => [initialsOf(name), faceColor(id)])));"
    )
    output = subprocess.run(
        ["node", "--input-type=module", "-e", script], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(output) == [[initials(name), face_color(id)] for name, id in samples]
