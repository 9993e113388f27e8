"""The HTTP API that widget.js calls: who may call it, from which sites, and as whom."""

import uuid

import pytest

from brands.actions import configure_widget, rotate_identity_secret
from conversations.models import Conversation, Message, Visitor
from tests.widget.visitors import VisitorClient, identity_of

pytestmark = pytest.mark.django_db


def test_thread_requires_the_visitors_token(tenants):
    visitor_client = VisitorClient(tenants.north)
    visitor_client.start()
    token = visitor_client.token
    for wrong in (None, "", token[:-3], token + "x", "a.b.c", "ptk_live_x"):
        stranger = VisitorClient(tenants.north)
        stranger.token = wrong
        for response in (stranger.thread(), stranger.send_message("Hi")):
            assert response.status_code == 401, wrong
            assert response.json()["code"] == "unauthenticated"
    for brand in (tenants.south, tenants.west):
        elsewhere = VisitorClient(brand)
        elsewhere.token = token
        assert elsewhere.thread().status_code == elsewhere.send_message("Hi").status_code == 401
    assert visitor_client.bodies() == ["Do you ship to Addis Ababa?"]
    assert Message.objects.count() == 1


def test_token_expires_after_180_days_and_is_renewed_by_writing(tenants, time_machine):
    time_machine.move_to("2026-01-01 12:00Z", tick=False)
    visitor_client = VisitorClient(tenants.north)
    visitor_client.start()
    assert "token" not in visitor_client.send_message("at once").json()
    time_machine.shift(179 * 86400)
    renewed = visitor_client.send_message("late").json()["token"]
    time_machine.shift(2 * 86400)
    assert visitor_client.thread().status_code == 401
    visitor_client.token = renewed
    assert visitor_client.thread().status_code == 200


def test_token_of_a_deleted_visitor_is_rejected(tenants):
    visitor_client = VisitorClient(tenants.north)
    visitor_client.start()
    Conversation.objects.all().delete()
    Visitor.objects.all().delete()
    assert visitor_client.thread().status_code == 401


def test_pagination_from_another_visitors_message_is_a_404(tenants):
    visitor_client, other = VisitorClient(tenants.north), VisitorClient(tenants.north)
    visitor_client.start()
    theirs = other.start().json()["messageId"]
    for before in (theirs, str(uuid.uuid4()), "x"):
        assert visitor_client.thread(before=before).status_code == 404
    assert visitor_client.thread(before=visitor_client.thread().json()["messages"][0]["_id"]).json() == {
        "messages": [],
        "hasMore": False,
    }


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        ("https://shop.example", True),
        ("http://shop.example", True),
        ("https://shop.example:8443", True),
        ("https://www.shop.example", False),
        ("https://a.b.sites.example", True),
        ("https://sites.example", False),
        ("https://evilsites.example", False),
        ("https://shop.example.evil.example", False),
        ("https://local.example:3000", True),
        ("https://local.example:3001", False),
        ("null", False),
        ("", False),
        ("file://shop.example", False),
        ("https://[", False),
    ],
)
def test_allowed_domains_restrict_where_the_widget_works(tenants, origin, is_allowed):
    configure_widget(tenants.north, allowed_domains=["shop.example", "*.sites.example", "local.example:3000"])
    response = VisitorClient(tenants.north, origin).start()
    assert response.status_code == (201 if is_allowed else 403)
    if origin:
        config = VisitorClient(tenants.north, origin).get("config", id=tenants.north.widget_id)
        assert config.status_code == (200 if is_allowed else 403)
        if not is_allowed:
            assert config.json()["code"] == "origin_not_allowed"
    assert VisitorClient(tenants.south, origin).start().status_code == 201


def test_identified_person_is_one_visitor_on_all_devices(tenants):
    phone, laptop = VisitorClient(tenants.north), VisitorClient(tenants.north)
    identity = identity_of(tenants.north, name="Maya", email="maya@site.example")
    assert phone.post("identify", {"widgetId": tenants.north.widget_id, **identity}).json() == {
        "token": None,
        "visitor": None,
    }
    assert not Visitor.objects.exists()
    assert phone.start(name="", email="", identity=identity, message="from the phone").status_code == 201
    known = laptop.post("identify", {"widgetId": tenants.north.widget_id, **identity, "name": "Maya Abebe"}).json()
    assert known["visitor"] == {"name": "Maya Abebe", "email": "maya@site.example"}
    laptop.token = known["token"]
    assert laptop.bodies() == ["from the phone"]
    assert laptop.start(identity=identity, message="again").status_code == 201
    assert phone.bodies() == ["from the phone", "again"]
    assert Visitor.objects.count() == Conversation.objects.count() == 1


def test_identity_with_an_invalid_hash_is_rejected(tenants):
    right = identity_of(tenants.north)
    rotated = identity_of(tenants.south)
    rotate_identity_secret(tenants.south)
    for brand, identity in [
        (tenants.north, right | {"hash": "0" * 64}),
        (tenants.north, right | {"id": "user-8"}),
        (tenants.north, right | {"hash": "é" * 20}),
        (tenants.south, right),
        (tenants.south, rotated),
        (tenants.west, right),
    ]:
        visitor_client = VisitorClient(brand)
        for response in (
            visitor_client.start(identity=identity),
            visitor_client.post("identify", {"widgetId": brand.widget_id, **identity}),
        ):
            assert response.status_code == 403
            assert response.json()["code"] == "identity_wrong"
    assert VisitorClient(tenants.north).start(identity=right).status_code == 201
    tenants.north.encrypted_identity_secret = ""
    tenants.north.save()
    assert VisitorClient(tenants.north).start(identity=right).status_code == 403
