"""Setting up e-mail: the page with the test e-mail, the banner, invitation links to copy, and the silent demo workspace."""

import re

import pytest
from django.core import mail
from django.test import Client

from accounts import emails
from accounts.models import Operator, QueuedEmail
from tests.mail.server import mail_server

pytestmark = pytest.mark.django_db

PATH = "/app/settings/email/"
INVITATION = {"email": "dana@acme.example", "name": "Dana", "role": "operator", "sees_all_brands": "on"}
NOT_CONFIGURED = "No mail server is configured"


@pytest.fixture
def owner(client, tenants):
    client.force_login(tenants.alice)
    return client


@pytest.fixture
def configured(settings):
    settings.EMAIL_IS_CONFIGURED = True
    return settings


def text_of(response):
    return response.content.decode()


def test_a_test_e_mail_reaches_the_operator(owner, configured):
    with mail_server(configured) as server:
        response = owner.post(PATH)
    assert "The mail server has accepted the e-mail to alice@acme.example." in text_of(response)
    assert [message.to for message in server.messages] == [["alice@acme.example"]]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("550", "The mail server rejected the recipient."),
        ("content", "The mail server rejected the e-mail."),
        ("closes", "The mail server is unreachable or does not respond."),
        ("hangs", "The mail server is unreachable or does not respond."),
    ],
)
def test_a_mail_server_that_does_not_take_the_e_mail_is_explained(owner, configured, fault, reason):
    with mail_server(configured, **{"alice@acme.example": fault}):
        response = owner.post(PATH)
    assert (response.status_code, reason in text_of(response)) == (502, True)


def test_the_page_names_the_mail_server_but_not_its_password(owner, configured):
    configured.EMAIL_HOST, configured.EMAIL_PORT = "mail.acme.example", 587
    configured.EMAIL_HOST_PASSWORD = "a-secret-of-the-server"
    page = text_of(owner.get(PATH))
    assert "mail.acme.example:587" in page
    assert "a-secret-of-the-server" not in page


def test_without_a_mail_server_the_page_says_what_to_set_and_sends_nothing(owner):
    assert "EMAIL_URL=smtp+tls://" in text_of(owner.get(PATH))
    owner.post(PATH)
    assert mail.outbox == []


def test_owners_and_admins_are_told_that_no_e_mail_is_sent(client, tenants, configured):
    configured.EMAIL_IS_CONFIGURED = False
    for operator, expected in ((tenants.alice, True), (tenants.bob, False)):
        client.force_login(operator)
        assert (NOT_CONFIGURED in text_of(client.get("/app/"))) is expected
    configured.EMAIL_IS_CONFIGURED = True
    client.force_login(tenants.alice)
    for path in ("/app/", "/app/team/", "/app/team/add/"):
        assert NOT_CONFIGURED not in text_of(client.get(path))


def test_an_invitation_leads_to_its_link_which_works_once(owner):
    page = text_of(owner.post("/app/team/add/", INVITATION, follow=True))
    assert "Dana has been invited." in page
    path = re.search(r"/app/join/[^<\s]+", page)[0]
    joining = Client()
    form_path = joining.get(path)["Location"]
    passwords = {"new_password1": "looking-glass-8", "new_password2": "looking-glass-8"}
    assert joining.post(form_path, passwords).status_code == 302
    dana = Operator.objects.get(email="dana@acme.example")
    assert dana.is_active
    assert "no longer valid" in text_of(Client().get(path))
    assert "/app/join/" not in text_of(owner.get(f"/app/team/{dana.pk}/change/"))


def test_sending_an_invitation_again_replaces_its_link(owner):
    page = text_of(owner.post("/app/team/add/", INVITATION, follow=True))
    path = re.search(r"/app/join/[^<\s]+", page)[0]
    dana = Operator.objects.get(email="dana@acme.example")
    owner.post(f"/app/team/{dana.pk}/change/", {**INVITATION, "_invite_again": "1"})
    assert "no longer valid" in text_of(Client().get(path))


def test_the_link_is_shown_only_to_those_who_may_change_the_operator(client, tenants):
    client.force_login(tenants.alice)
    client.post("/app/team/add/", {**INVITATION, "role": "owner"})
    dana = Operator.objects.get(email="dana@acme.example")
    path = f"/app/team/{dana.pk}/change/"
    assert "/app/join/" in text_of(client.get(path))
    Operator.objects.filter(pk=tenants.bob.pk).update(role="admin", sees_all_brands=True)
    client.force_login(tenants.bob)  # an admin may not change owners
    assert "/app/join/" not in text_of(client.get(path))
    client.force_login(tenants.mallory)  # another workspace
    assert client.get(path).status_code == 404


def test_the_demo_workspace_sends_no_e_mail_and_says_so(owner, tenants):
    tenants.acme.is_demo = True
    tenants.acme.save()
    page = text_of(owner.post("/app/team/add/", INVITATION, follow=True))
    assert "The demo workspace sends no e-mail." in page
    assert "/app/join/" in page
    emails.send_due()
    assert mail.outbox == []
    assert not QueuedEmail.objects.exists()


def test_the_demo_workspace_sends_no_test_e_mail(owner, tenants, configured):
    tenants.acme.is_demo = True
    tenants.acme.save()
    assert "Send a test e-mail" not in text_of(owner.get(PATH))
    with mail_server(configured) as server:
        owner.post(PATH)
    assert server.attempted_recipients == []
