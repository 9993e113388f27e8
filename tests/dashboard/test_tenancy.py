"""Nobody sees, counts, chooses or changes what is not theirs: a walk over every page of the dashboard.

As Mallory of the rival workspace, and as Bob, who is limited to the brand North. What may not be seen is known by its ids and
names, of every row that is out of their scope; whatever page shows one of them fails. Each refusal has its twin: Alice, who
may see the row, does.
"""

import re
from urllib.parse import parse_qsl

import pytest
from django.db.models import Model
from django.urls import reverse

from accounts.actions import team
from accounts.audit import Action, Actor, acting, record
from accounts.models import AuditEntry, Operator
from brands.models import Brand
from conversations.actions import create_tag
from conversations.actions.canned_replies import create_canned_reply
from conversations.dashboard.canned_replies import PLACEHOLDERS
from conversations.models import CannedReply, Tag, Visitor
from leads.models import Lead
from praxtalk.core.dashboard.site import dashboard
from tests.servers import PROJECT

ADMINS = list(dashboard._registry.values())
NAMES = [admin.model.__name__ for admin in ADMINS]
pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(cast, talks):
    """By model, a row of each brand or workspace: {Lead: {"north": ..., "south": ..., "west": ...}}."""
    found = {model: {} for model in (Brand, Visitor, Lead, CannedReply, Tag, Operator, AuditEntry)}
    for brand in (cast.north, cast.south, cast.west):
        place = brand.slug
        Visitor.objects.filter(brand=brand).update(name=f"visitor-of-{place}")
        Lead.objects.filter(brand=brand).update(name=f"lead-of-{place}")
        found[Brand][place] = brand
        found[Visitor][place] = Visitor.objects.get(brand=brand)
        found[Lead][place] = Lead.objects.get(brand=brand)
        found[CannedReply][place] = create_canned_reply(
            brand.workspace_id, shortcut=f"reply-of-{place}", body="Hello", brand=brand
        )
    for workspace, place in ((cast.acme, "south"), (cast.globex, "west")):
        owner = workspace.operators.get(role="owner")
        found[Operator][place] = team.invite(
            owner, email=f"x@{place}.example", name=f"operator-of-{place}", role="operator"
        )
        found[Tag][place] = create_tag(workspace.pk, name=f"tag-of-{place}")
        with acting(Actor(f"actor-of-{place}")):
            found[AuditEntry][place] = record(Action.INVITED, workspace_id=workspace.pk, subject=f"entry-of-{place}")
    return found


def out_of_sight(rows, viewer):
    """The rows that this operator may not see. Colleagues and what is about all brands of a workspace are no secret inside."""
    if viewer.workspace.name == "Globex":
        return [row for by_place in rows.values() for place, row in by_place.items() if place != "west"]
    own = (Operator, AuditEntry, Tag)
    return [
        row
        for model, by_place in rows.items()
        for place, row in by_place.items()
        if place == "west" or (place == "south" and model not in own)
    ]


def marks(row: Model):
    """What a page shows if it shows the row."""
    named = {
        Operator: lambda one: one.name,
        AuditEntry: lambda one: one.subject,
        CannedReply: lambda one: one.shortcut,
        Brand: lambda one: one.widget_id,
    }
    return {str(row.pk), named.get(type(row), lambda one: one.name)(row)}


def pages_of(client, admin):
    """(path, query) of the list under every filter, search and order that it offers, and of the form for a new one."""
    path = reverse(f"admin:{admin.opts.app_label}_{admin.opts.model_name}_changelist")
    yield path, {}
    answer = client.get(path)
    if answer.status_code != 200 or "cl" not in answer.context_data:
        return
    changes = answer.context_data["cl"]
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
def test_no_list_shows_what_is_not_theirs(client, cast, rows, admin, name):
    viewer = getattr(cast, name)
    forbidden = {mark for row in out_of_sight(rows, viewer) for mark in marks(row)}
    client.force_login(viewer)
    for path, query in pages_of(client, admin):
        answer = client.get(path, query)
        text = answer.content.decode()
        assert answer.status_code in (200, 403), (path, query)
        assert {mark for mark in forbidden if mark in text} == set(), (path, query)


@pytest.mark.parametrize("admin", ADMINS, ids=NAMES)
def test_an_owner_sees_what_is_theirs(client, cast, rows, admin):
    """The twin: the same pages show the very rows."""
    client.force_login(cast.alice)
    mine = [row for place, row in rows[admin.model].items() if place != "west"]
    seen = "".join(client.get(path, query).content.decode() for path, query in pages_of(client, admin))
    for row in mine:
        assert any(mark in seen for mark in marks(row)), row


@pytest.mark.parametrize("admin", ADMINS, ids=NAMES)
def test_a_query_that_is_nonsense_breaks_no_list(client, cast, rows, admin):
    client.force_login(cast.alice)
    fields = [field.name for field in admin.model._meta.concrete_fields]
    names = ("q", "p", "o", "all", "e", *fields, *(f"{name}__exact" for name in fields))
    for name in names:
        for value in ("%00", "-1", "%ED%A0%80", "9" * 30, "zz", "", "0000-01-01", "99999-01-01"):
            answer = client.get(f"/app/{admin.url_prefix}/?{name}={value}", follow=True)
            assert answer.status_code in (200, 400), (name, value)


@pytest.mark.parametrize("query", ["q=%00", "brand__id__exact=zz", "brand__id__exact=%00", "status__exact=%00"])
def test_an_export_of_nonsense_is_none(client, cast, talks, query):
    client.force_login(cast.alice)
    answer = client.get(f"/app/leads/export/?{query}")
    assert answer.status_code in (200, 302)
    b"".join(answer)  # an export that nobody reads would keep the slot
    assert client.get("/app/leads/export/?foo=1").status_code == 400
    assert b"Maya A." in b"".join(client.get("/app/leads/export/").streaming_content)


def test_a_shortcut_that_is_taken_is_told_beside_the_form(client, cast):
    client.force_login(cast.alice)
    form = {"shortcut": "hello", "body": "Hello!", "brand": ""}
    assert client.post("/app/canned-replies/add/", form).status_code == 302
    answer = client.post("/app/canned-replies/add/", form | {"shortcut": "HELLO"})
    assert (answer.status_code, "already" in answer.content.decode()) == (200, True)
    assert client.post("/app/canned-replies/add/", form | {"brand": str(cast.north.pk)}).status_code == 302
    assert CannedReply.objects.filter(workspace=cast.acme).count() == 2
    client.force_login(cast.mallory)
    assert client.post("/app/canned-replies/add/", form).status_code == 302


def test_a_placeholder_that_stands_for_nothing_is_told(client, cast):
    client.force_login(cast.alice)
    form = {"shortcut": "hello", "body": "{{visitor.name}}, {{ nope }}", "brand": ""}
    answer = client.post("/app/canned-replies/add/", form)
    assert "{{nope}} stands for nothing" in answer.content.decode()
    form["body"] = " ".join(f"{{{{{name}}}}}" for name in PLACEHOLDERS)
    assert client.post("/app/canned-replies/add/", form).status_code == 302
    thread = (PROJECT / "static/dashboard/inbox/thread.js").read_text()
    assert re.findall(r'^ +"(\w+\.\w+)": ', thread, re.MULTILINE) == list(PLACEHOLDERS)


def test_an_address_asks_for_nothing_but_the_filters(client, cast):
    client.force_login(cast.alice)
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
def test_a_page_of_one_row_is_404_for_others(client, cast, rows, admin, name):
    viewer = getattr(cast, name)
    hidden = {row.pk for row in out_of_sight(rows, viewer)} if name != "alice" else set()
    client.force_login(viewer)
    for place, row in rows[admin.model].items():
        if name == "alice" and place == "west":
            hidden.add(row.pk)
        for page in ("change", "delete"):
            path = reverse(f"admin:{admin.opts.app_label}_{admin.opts.model_name}_{page}", args=[row.pk])
            for answer in (client.get(path), client.post(path, {"post": "yes", "name": "taken", "_save": "Save"})):
                if row.pk in hidden:
                    assert answer.status_code in (403, 404), (path, answer.status_code)
                else:
                    assert answer.status_code in (200, 302, 403), (path, answer.status_code)
        if row.pk in hidden:
            again = type(row).objects.get(pk=row.pk)
            assert marks(again) == marks(row)


@pytest.mark.parametrize("admin", ADMINS, ids=NAMES)
@pytest.mark.parametrize("name", ["mallory", "bob"])
def test_actions_of_a_list_leave_others_rows_alone(client, cast, rows, admin, name):
    viewer = getattr(cast, name)
    hidden = [row for row in out_of_sight(rows, viewer) if type(row) is admin.model]
    client.force_login(viewer)
    path = reverse(f"admin:{admin.opts.app_label}_{admin.opts.model_name}_changelist")
    answer = client.get(path)
    chosen = re.findall(r'<option value="(\w+)">', answer.content.decode())
    before = {row.pk: type(row).objects.filter(pk=row.pk).values().get() for row in hidden}
    for action in {*chosen, "delete_selected", "mark_won"}:
        client.post(path, {"action": action, "_selected_action": [str(row.pk) for row in hidden], "post": "yes"})
    assert {row.pk: type(row).objects.filter(pk=row.pk).values().get() for row in hidden} == before


def test_a_list_cannot_be_asked_about_fields_of_other_tables(client, cast, rows):
    """`?assignee__password__startswith=` and the like, by which an answer's length would tell letter after letter."""
    client.force_login(cast.bob)
    for path, query in [
        ("/app/leads/", {"brand__workspace__name__startswith": "A"}),
        ("/app/leads/", {"brand__encrypted_identity_secret__startswith": "k"}),
        ("/app/visitors/", {"workspace__operators__password__startswith": "a"}),
        ("/app/leads/", {"brand__id__exact": str(cast.south.pk)}),
        ("/app/leads/", {"brand__id__exact": str(cast.west.pk)}),
    ]:
        answer = client.get(path, query, follow=True)
        assert "lead-of-south" not in answer.content.decode()
        assert "lead-of-west" not in answer.content.decode()


def test_a_foreign_row_cannot_be_named_in_a_form(client, cast, rows):
    client.force_login(cast.mallory)
    form = {"name": "Mine", "status": "new", "brand": str(cast.north.pk)}
    answer = client.post("/app/leads/add/", form)
    assert answer.status_code == 200
    assert "not one of the available choices" in answer.content.decode()
    answer = client.post("/app/leads/add/", form | {"brand": str(cast.west.pk)})
    assert answer.status_code == 302
    client.force_login(cast.bob)
    for brand in (cast.south, cast.west, ""):
        answer = client.post("/app/leads/add/", form | {"brand": str(getattr(brand, "pk", ""))})
        assert answer.status_code == 200
    assert client.post("/app/leads/add/", form).status_code == 302


def test_an_export_holds_what_the_list_shows(client, cast, rows):
    for viewer, places in ((cast.alice, {"north", "south"}), (cast.bob, {"north"}), (cast.mallory, {"west"})):
        client.force_login(viewer)
        answer = client.get("/app/leads/export/")
        text = b"".join(answer.streaming_content).decode("utf-8-sig")
        assert set(re.findall(r"lead-of-(\w+)", text)) == places


def test_what_a_role_may_not_do_is_403(client, cast, rows):
    client.force_login(cast.bob)
    for path in ("/app/team/", "/app/team/add/", "/app/audit-log/", "/app/brands/"):
        assert client.get(path).status_code == 403, path
    client.force_login(cast.alice)
    for path in ("/app/team/", "/app/team/add/", "/app/audit-log/", "/app/brands/"):
        assert client.get(path).status_code == 200, path


def test_the_audit_log_tells_who_under_whichever_name(client, cast):
    client.force_login(cast.alice)
    client.post("/app/profile/", {"name": "Mallory"})
    client.get("/app/leads/export/")
    assert "Mallory (alice@acme.example)" in client.get("/app/audit-log/").content.decode()


def test_an_admin_is_offered_nothing_about_an_owner(client, cast):
    Operator.objects.filter(pk=cast.bob.pk).update(role="admin", sees_all_brands=True)
    client.force_login(Operator.objects.get(pk=cast.bob.pk))
    page = client.get(f"/app/team/{cast.alice.pk}/change/").content.decode()
    assert 'name="role"' not in page
    client.force_login(cast.alice)
    assert 'name="role"' in client.get(f"/app/team/{cast.bob.pk}/change/").content.decode()


def test_no_page_leads_to_a_history_that_is_not_there(client, cast, rows):
    client.force_login(cast.alice)
    for admin in ADMINS:
        for row in admin.model.objects.filter(workspace=cast.acme)[:1]:
            assert "historylink" not in client.get(f"/app/{admin.url_prefix}/{row.pk}/change/").content.decode()


def test_a_name_is_of_something_to_see(client, cast):
    client.force_login(cast.alice)
    for name in ("\u200b", "Ali\u202ece", "Al\r\nice"):
        answer = client.post("/app/profile/", {"name": name})
        assert (answer.status_code, "cannot be seen" in answer.content.decode()) == (422, True)
        answer = client.post("/app/brands/add/", {"name": name, "primary_color": "#123456"})
        assert (answer.status_code, "cannot be seen" in answer.content.decode()) == (200, True)
    assert client.post("/app/profile/", {"name": "آریا‌مهر 👩‍💻"}).status_code == 302


def test_an_address_that_is_in_use_cannot_be_invited(client, cast):
    client.force_login(cast.alice)
    form = {"email": "Mallory@globex.example", "name": "M", "role": "operator", "sees_all_brands": "on"}
    answer = client.post("/app/team/add/", form)
    assert (answer.status_code, "it is in use already" in answer.content.decode()) == (200, True)
    assert "onstraint" not in answer.content.decode()
