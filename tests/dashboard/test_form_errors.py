"""Invalid input is a form error, not an internal error."""

import re

import pytest

from conversations.dashboard.canned_replies import PLACEHOLDERS
from conversations.models import CannedReply
from tests.servers import PROJECT

pytestmark = pytest.mark.django_db


def test_a_duplicate_shortcut_is_a_form_error(client, tenants):
    client.force_login(tenants.alice)
    form = {"shortcut": "hello", "body": "Hello!", "brand": ""}
    assert client.post("/app/canned-replies/add/", form).status_code == 302
    response = client.post("/app/canned-replies/add/", form | {"shortcut": "HELLO"})
    assert (response.status_code, "already" in response.content.decode()) == (200, True)
    assert client.post("/app/canned-replies/add/", form | {"brand": str(tenants.north.pk)}).status_code == 302
    assert CannedReply.objects.filter(workspace=tenants.acme).count() == 2
    client.force_login(tenants.mallory)
    assert client.post("/app/canned-replies/add/", form).status_code == 302


def test_an_unknown_placeholder_is_a_form_error(client, tenants):
    client.force_login(tenants.alice)
    form = {"shortcut": "hello", "body": "{{visitor.name}}, {{ nope }}", "brand": ""}
    response = client.post("/app/canned-replies/add/", form)
    assert "{{nope}} is not a placeholder" in response.content.decode()
    form["body"] = " ".join(f"{{{{{name}}}}}" for name in PLACEHOLDERS)
    assert client.post("/app/canned-replies/add/", form).status_code == 302
    thread = (PROJECT / "static/dashboard/inbox/thread.js").read_text()
    assert re.findall(r'^ +"(\w+\.\w+)": ', thread, re.MULTILINE) == list(PLACEHOLDERS)


def test_names_of_invisible_or_control_characters_are_refused(client, tenants):
    client.force_login(tenants.alice)
    for name in ("\u200b", "Ali\u202ece", "Al\r\nice"):
        response = client.post("/app/profile/", {"name": name})
        assert (response.status_code, "invisible characters" in response.content.decode()) == (422, True)
        response = client.post("/app/brands/add/", {"name": name, "primary_color": "#123456"})
        assert (response.status_code, "invisible characters" in response.content.decode()) == (200, True)
    assert client.post("/app/profile/", {"name": "آریا‌مهر 👩‍💻"}).status_code == 302


def test_an_e_mail_address_in_use_cannot_be_invited(client, tenants):
    client.force_login(tenants.alice)
    form = {"email": "Mallory@globex.example", "name": "M", "role": "operator", "sees_all_brands": "on"}
    response = client.post("/app/team/add/", form)
    assert (response.status_code, "already in use" in response.content.decode()) == (200, True)
    assert "onstraint" not in response.content.decode()
