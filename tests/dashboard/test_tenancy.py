"""Tenancy of the dashboard: nobody sees, counts, selects or changes rows outside their scope, on any page.

The tests visit every page as Mallory of the other workspace, and as Bob, who is limited to the brand North. They know the ids
and names of every row outside the viewer's scope; a page that shows one of them fails the test. Each refusal has a counterpart:
Alice, who may see the row, does see it.
"""

import re
from urllib.parse import parse_qsl

import pytest
from django.db.models import Model
from django.urls import reverse

from accounts.actions import team
from accounts.audit import Action, Actor, audit_actor, record
from accounts.models import AuditEntry, Operator
from brands.models import Brand
from conversations.actions import create_tag
from conversations.actions.canned_replies import create_canned_reply
from conversations.models import CannedReply, Tag, Visitor
from conversations.tasks import fill_words
from leads.models import Lead
from praxtalk.core.dashboard.site import dashboard
from tests.recorded_rows import reuse_rows
from tests.tiers import slow

ADMINS = list(dashboard._registry.values())
NAMES = [admin.model.__name__ for admin in ADMINS]
INVALID_VALUES = ["%00", "-1", "%ED%A0%80", "9" * 30, "zz", "", "0000-01-01", "99999-01-01"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(tenants, conversations):
    """Create a row of each brand or workspace, by model: `{Lead: {"north": ..., "south": ..., "west": ...}}`."""
    return reuse_rows(make_rows, tenants, conversations)


def make_rows(tenants, conversations):
    found = {model: {} for model in (Brand, Visitor, Lead, CannedReply, Tag, Operator, AuditEntry)}
    for brand in (tenants.north, tenants.south, tenants.west):
        slug = brand.slug
        Visitor.objects.filter(brand=brand).update(name=f"visitor-of-{slug}")
        Lead.objects.filter(brand=brand).update(name=f"lead-of-{slug}")
        fill_words()
        found[Brand][slug] = brand
        found[Visitor][slug] = Visitor.objects.get(brand=brand)
        found[Lead][slug] = Lead.objects.get(brand=brand)
        found[CannedReply][slug] = create_canned_reply(
            brand.workspace_id, shortcut=f"reply-of-{slug}", body="Hello", brand=brand
        )
    for workspace, slug in ((tenants.acme, "south"), (tenants.globex, "west")):
        owner = workspace.operators.get(role="owner")
        found[Operator][slug] = team.invite(
            owner, email=f"x@{slug}.example", name=f"operator-of-{slug}", role="operator"
        )
        found[Tag][slug] = create_tag(workspace.pk, name=f"tag-of-{slug}")
        with audit_actor(Actor(f"actor-of-{slug}")):
            found[AuditEntry][slug] = record(Action.INVITED, workspace_id=workspace.pk, subject=f"entry-of-{slug}")
    return found


def hidden_rows(rows, viewer):
    """Return the rows that this operator may not see.

    Operators, audit entries and tags belong to all brands of a workspace, so they are not hidden inside it.
    """
    if viewer.workspace.name == "Globex":
        return [row for by_slug in rows.values() for slug, row in by_slug.items() if slug != "west"]
    own = (Operator, AuditEntry, Tag)
    return [
        row
        for model, by_slug in rows.items()
        for slug, row in by_slug.items()
        if slug == "west" or (slug == "south" and model not in own)
    ]


def identifying_texts(row: Model):
    """Return the texts by which a page that shows the row is recognised: its id and its name."""
    named = {
        Operator: lambda one: one.name,
        AuditEntry: lambda one: one.subject,
        CannedReply: lambda one: one.shortcut,
        Brand: lambda one: one.widget_id,
    }
    return {str(row.pk), named.get(type(row), lambda one: one.name)(row)}


def list_pages_of(client, admin):
    """Yield (path, query) of the list with every filter, search and order that it offers, and of the form for a new row."""
    path = reverse(f"admin:{admin.opts.app_label}_{admin.opts.model_name}_changelist")
    yield path, {}
    response = client.get(path)
    if response.status_code != 200 or "cl" not in response.context_data:
        return
    changes = response.context_data["cl"]
    for spec in changes.filter_specs:
        for choice in spec.choices(changes):
            yield path, dict(parse_qsl(choice["query_string"].lstrip("?")))
    for order in range(1, len(admin.list_display) + 1):
        yield path, {"o": str(order)}
    for text in ("of", "west", "south"):
        yield path, {"q": text}
    yield path, {"all": ""}
    yield f"{path}add/", {}


@pytest.mark.parametrize("admin", ADMINS, ids=NAMES)
@pytest.mark.parametrize("name", ["mallory", "bob"])
def test_no_list_shows_rows_outside_the_viewers_scope(client, tenants, rows, admin, name):
    viewer = getattr(tenants, name)
    forbidden = {mark for row in hidden_rows(rows, viewer) for mark in identifying_texts(row)}
    client.force_login(viewer)
    for path, query in list_pages_of(client, admin):
        response = client.get(path, query)
        text = response.content.decode()
        assert response.status_code in (200, 403), (path, query)
        assert {mark for mark in forbidden if mark in text} == set(), (path, query)


@pytest.mark.parametrize("admin", ADMINS, ids=NAMES)
def test_lists_show_an_owner_all_rows_of_the_workspace(client, tenants, rows, admin):
    """The counterpart: an owner does see the rows on the same pages."""
    client.force_login(tenants.alice)
    mine = [row for slug, row in rows[admin.model].items() if slug != "west"]
    seen = "".join(client.get(path, query).content.decode() for path, query in list_pages_of(client, admin))
    for row in mine:
        assert any(mark in seen for mark in identifying_texts(row)), row


@pytest.mark.parametrize("admin", ADMINS, ids=NAMES)
@pytest.mark.parametrize("values", [["%00", "zz"], *slow(INVALID_VALUES)], ids=["two values", "all values"])
def test_invalid_query_parameters_break_no_list(client, tenants, rows, admin, values):
    client.force_login(tenants.alice)
    fields = [field.name for field in admin.model._meta.concrete_fields]
    filters = [each if isinstance(each, str) else each[0] for each in admin.list_filter if not isinstance(each, type)]
    known = {"q", "p", "o", "all", "e", *filters, *(f"{name}__exact" for name in filters)}
    for name in (*known, *fields, *(f"{name}__exact" for name in fields)):
        # The list rejects a parameter that it does not know before it reads the value.
        for value in values if name in known or name.startswith("created_at") else ["zz"]:
            response = client.get(f"/app/{admin.url_prefix}/?{name}={value}", follow=True)
            assert response.status_code in (200, 400), (name, value)


@pytest.mark.parametrize("query", ["q=%00", "brand__id__exact=zz", "brand__id__exact=%00", "status__exact=%00"])
def test_an_export_survives_invalid_filter_values_and_refuses_unknown_filters(client, tenants, conversations, query):
    client.force_login(tenants.alice)
    response = client.get(f"/app/leads/export/?{query}")
    assert response.status_code in (200, 302)
    b"".join(response)  # an unread export would keep its slot
    assert client.get("/app/leads/export/?foo=1").status_code == 400
    assert b"Maya A." in b"".join(client.get("/app/leads/export/").streaming_content)


def test_lists_accept_only_their_own_filters_in_the_url(client, tenants):
    client.force_login(tenants.alice)
    for secret in (
        "password__startswith=a",
        "encrypted_totp_secret=",
        "invited_at__isnull=1",
        "workspace__name=Globex",
    ):
        assert client.get(f"/app/team/?{secret}").status_code == 400
    for allowed in ("role__exact=owner", "is_active__exact=1", "q=alice"):
        assert client.get(f"/app/team/?{allowed}").status_code == 200


@pytest.mark.parametrize("admin", ADMINS, ids=NAMES)
@pytest.mark.parametrize("name", ["mallory", "bob", "alice"])
def test_pages_of_one_row_are_refused_outside_the_viewers_scope(client, tenants, rows, admin, name):
    viewer = getattr(tenants, name)
    hidden = {row.pk for row in hidden_rows(rows, viewer)} if name != "alice" else set()
    client.force_login(viewer)
    for slug, row in rows[admin.model].items():
        if name == "alice" and slug == "west":
            hidden.add(row.pk)
        for page in ("change", "delete"):
            path = reverse(f"admin:{admin.opts.app_label}_{admin.opts.model_name}_{page}", args=[row.pk])
            for response in (client.get(path), client.post(path, {"post": "yes", "name": "taken", "_save": "Save"})):
                if row.pk in hidden:
                    assert response.status_code in (403, 404), (path, response.status_code)
                else:
                    assert response.status_code in (200, 302, 403), (path, response.status_code)
        if row.pk in hidden:
            again = type(row).objects.get(pk=row.pk)
            assert identifying_texts(again) == identifying_texts(row)


@pytest.mark.parametrize("admin", ADMINS, ids=NAMES)
@pytest.mark.parametrize("name", ["mallory", "bob"])
def test_list_actions_change_no_row_outside_the_viewers_scope(client, tenants, rows, admin, name):
    viewer = getattr(tenants, name)
    hidden = [row for row in hidden_rows(rows, viewer) if type(row) is admin.model]
    client.force_login(viewer)
    path = reverse(f"admin:{admin.opts.app_label}_{admin.opts.model_name}_changelist")
    response = client.get(path)
    chosen = re.findall(r'<option value="(\w+)">', response.content.decode())
    before = {row.pk: type(row).objects.filter(pk=row.pk).values().get() for row in hidden}
    for action in {*chosen, "delete_selected", "mark_won"}:
        client.post(path, {"action": action, "_selected_action": [str(row.pk) for row in hidden], "post": "yes"})
    assert {row.pk: type(row).objects.filter(pk=row.pk).values().get() for row in hidden} == before


def test_lists_cannot_be_filtered_by_fields_of_related_tables(client, tenants, rows):
    """With filters such as `?assignee__password__startswith=`, the length of the list would reveal a value letter by letter."""
    client.force_login(tenants.bob)
    for path, query in [
        ("/app/leads/", {"brand__workspace__name__startswith": "A"}),
        ("/app/leads/", {"brand__encrypted_identity_secret__startswith": "k"}),
        ("/app/visitors/", {"workspace__operators__password__startswith": "a"}),
        ("/app/leads/", {"brand__id__exact": str(tenants.south.pk)}),
        ("/app/leads/", {"brand__id__exact": str(tenants.west.pk)}),
    ]:
        response = client.get(path, query, follow=True)
        assert "lead-of-south" not in response.content.decode()
        assert "lead-of-west" not in response.content.decode()


def test_forms_refuse_ids_of_rows_outside_the_operators_scope(client, tenants, rows):
    client.force_login(tenants.mallory)
    form = {"name": "Mine", "status": "new", "brand": str(tenants.north.pk)}
    response = client.post("/app/leads/add/", form)
    assert response.status_code == 200
    assert "not one of the available choices" in response.content.decode()
    response = client.post("/app/leads/add/", form | {"brand": str(tenants.west.pk)})
    assert response.status_code == 302
    client.force_login(tenants.bob)
    for brand in (tenants.south, tenants.west, ""):
        response = client.post("/app/leads/add/", form | {"brand": str(getattr(brand, "pk", ""))})
        assert response.status_code == 200
    assert client.post("/app/leads/add/", form).status_code == 302


def test_an_export_contains_the_rows_that_the_list_shows(client, tenants, rows):
    for viewer, slugs in ((tenants.alice, {"north", "south"}), (tenants.bob, {"north"}), (tenants.mallory, {"west"})):
        client.force_login(viewer)
        response = client.get("/app/leads/export/")
        text = b"".join(response.streaming_content).decode("utf-8-sig")
        assert set(re.findall(r"lead-of-(\w+)", text)) == slugs


def test_pages_that_the_role_may_not_open_are_403(client, tenants, rows):
    client.force_login(tenants.bob)
    for path in ("/app/team/", "/app/team/add/", "/app/audit-log/", "/app/brands/"):
        assert client.get(path).status_code == 403, path
    client.force_login(tenants.alice)
    for path in ("/app/team/", "/app/team/add/", "/app/audit-log/", "/app/brands/"):
        assert client.get(path).status_code == 200, path


def test_the_audit_log_identifies_an_operator_after_a_rename(client, tenants):
    client.force_login(tenants.alice)
    client.post("/app/profile/", {"name": "Mallory"})
    client.get("/app/leads/export/")
    assert "Mallory (alice@acme.example)" in client.get("/app/audit-log/").content.decode()


def test_an_admin_cannot_edit_an_owner(client, tenants):
    Operator.objects.filter(pk=tenants.bob.pk).update(role="admin", sees_all_brands=True)
    client.force_login(Operator.objects.get(pk=tenants.bob.pk))
    page = client.get(f"/app/team/{tenants.alice.pk}/change/").content.decode()
    assert 'name="role"' not in page
    client.force_login(tenants.alice)
    assert 'name="role"' in client.get(f"/app/team/{tenants.bob.pk}/change/").content.decode()


def test_no_page_links_to_the_disabled_history_page(client, tenants, rows):
    client.force_login(tenants.alice)
    for admin in ADMINS:
        for row in admin.model.objects.filter(workspace=tenants.acme)[:1]:
            assert "historylink" not in client.get(f"/app/{admin.url_prefix}/{row.pk}/change/").content.decode()
