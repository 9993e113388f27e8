"""An installation is set up in the browser: the first workspace, and the end of the demo."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts.models import Operator, Workspace
from brands.models import Brand
from brands.setup_code import setup_url
from conversations.actions import send_message
from conversations.attachments import stored_upload
from conversations.models import Channel, Message
from tests.inbox.pictures import PNG

pytestmark = pytest.mark.django_db

FORM = {
    "workspace": "Initech",
    "brand": "Tps",
    "name": "Bill",
    "email": "bill@initech.example",
    "password": "looking-glass-8",
}


def setup_path():
    return setup_url().partition("/app/")[2].join(["/app/", ""])


def test_the_first_visit_creates_a_workspace_and_signs_its_owner_in(client, db):
    path = setup_path()
    assert "Create workspace" in client.get(path).content.decode()
    response = client.post(path, FORM)
    assert (response.status_code, response["Location"]) == (302, "/app/home/")
    owner = Operator.objects.get()
    assert (owner.email, owner.role, owner.workspace.name, owner.workspace.is_demo) == (
        *("bill@initech.example", "owner", "Initech", False),
    )
    assert [brand.name for brand in Brand.objects.all()] == ["Tps"]
    assert "Getting started" in client.get("/app/").content.decode()


def test_without_a_brand_it_has_the_companys_name(client, db):
    client.post(setup_path(), FORM | {"brand": ""})
    assert Brand.objects.get().name == "Initech"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("password", "short", "too short"),
        ("password", "password", "too common"),
        ("email", "nobody", "valid email"),
        ("workspace", "\u200b", "invisible characters"),
        ("name", "", "required"),
        ("workspace", "x" * 101, "at most 100 characters"),
        ("name", "a\0b", "Null characters"),
    ],
)
def test_a_wrong_entry_is_explained_and_creates_nothing(client, db, field, value, message):
    response = client.post(setup_path(), FORM | {field: value})
    assert (response.status_code, message in response.content.decode()) == (200, True)
    assert not Workspace.objects.exists()


def test_the_address_ends_with_the_first_workspace_but_not_with_the_demo(client, tenants):
    path = setup_path()
    Workspace.objects.update(is_demo=True)
    assert client.get(path).status_code == 200
    assert "already in use" in client.post(path, FORM | {"email": "ALICE@acme.example"}).content.decode()
    Workspace.objects.filter(pk=tenants.acme.pk).update(is_demo=False)
    assert (client.get(path).status_code, client.post(path, FORM).status_code) == (404, 404)


@pytest.mark.parametrize("change", [lambda code: code[:-1] + "x", lambda code: "x", lambda code: f"{code}.{code}"])
def test_another_code_is_refused(client, db, change):
    *start, code, end = setup_path().split("/")
    path = "/".join([*start, change(code), end])
    assert (client.get(path).status_code, client.post(path, FORM).status_code) == (404, 404)
    assert not Workspace.objects.exists()


def test_the_code_is_valid_for_three_days(client, db):
    path = setup_path()
    with time_machine.travel(datetime.now(UTC) + timedelta(days=3, minutes=1)):
        assert client.get(path).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_create_one_workspace():
    path = setup_path()

    def post(email):
        try:
            return Client().post(path, FORM | {"email": email}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        statuses = list(threads.map(post, ["bill@initech.example", "peter@initech.example"]))
    assert sorted(statuses) in ([200, 302], [302, 404])
    assert Workspace.objects.count() == 1


def test_the_command_prints_the_address_until_there_is_a_workspace(tenants):
    with pytest.raises(CommandError, match="There is a workspace already"):
        call_command("setup")
    Workspace.objects.update(is_demo=True)
    output = StringIO()
    call_command("setup", stdout=output)
    assert "/app/setup/" in output.getvalue()


def test_the_sign_in_page_says_that_there_is_no_workspace_yet(client, db):
    assert "manage.py setup" in client.get("/app/login/").content.decode()


def test_the_sign_in_page_says_nothing_of_the_setup_once_there_is_one(client, tenants):
    assert "manage.py setup" not in client.get("/app/login/").content.decode()


# --- the end of the demo --------------------------------------------------------------------------------------------------


def rows_of(workspace):
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    with_workspace = [model for model in models if any(f.name == "workspace" for f in model._meta.get_fields())]
    return {model.__name__: model.objects.filter(workspace=workspace).count() for model in with_workspace}


@pytest.mark.django_db(transaction=True)
def test_the_owner_deletes_the_demo_with_everything_in_it(client, tenants, conversations, webhooks):
    with stored_upload(tenants.acme.pk, ContentFile(PNG, "a.png")) as attachment:
        send_message(
            conversations.north, role=Message.Role.OPERATOR, body="", channel=Channel.DASHBOARD, attachment=attachment
        )
    Workspace.objects.filter(pk=tenants.acme.pk).update(is_demo=True)
    others = rows_of(tenants.globex)
    client.force_login(tenants.alice)
    assert "Delete the demo" in client.get("/app/settings/").content.decode()
    response = client.post("/app/settings/delete-demo/", follow=True)
    assert "The demo workspace has been deleted." in response.content.decode()
    assert set(rows_of(tenants.acme).values()) == {0}
    assert not Workspace.objects.filter(pk=tenants.acme.pk).exists()
    assert rows_of(tenants.globex) == others
    assert not attachment.file.storage.exists(attachment.file.name)
    assert client.get("/app/").status_code == 302  # signed out


def test_no_other_workspace_can_be_deleted(client, tenants):
    client.force_login(tenants.alice)
    assert "Delete the demo" not in client.get("/app/settings/").content.decode()
    assert (
        client.get("/app/settings/delete-demo/").status_code,
        client.post("/app/settings/delete-demo/").status_code,
    ) == (*(404, 404),)
    assert Workspace.objects.count() == 2


def test_only_an_owner_deletes_the_demo(client, tenants):
    Workspace.objects.update(is_demo=True)
    client.force_login(tenants.bob)
    assert client.post("/app/settings/delete-demo/").status_code == 403
    assert client.get("/app/settings/delete-demo/").status_code == 403
