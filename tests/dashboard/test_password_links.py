"""Links that reset a password or accept an invitation."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from accounts import emails
from accounts.actions import team
from accounts.actions.workspaces import rename_workspace
from accounts.models import Operator
from tests.dashboard.test_sign_in import audited_actions, is_signed_in, sign_in, with_two_factor

pytestmark = pytest.mark.django_db


def link_in(mail):
    return re.search(r"https?://\S+", mail.body)[0].split("/app/", 1)[1]


def test_a_password_reset_link_works_once_and_ends_other_sessions(client, tenants, mailoutbox):
    elsewhere = Client()
    sign_in(elsewhere)
    client.post("/app/forgotten/", {"email": "ALICE@acme.example"})
    emails.send_due()
    path = "/app/" + link_in(mailoutbox[0])
    response = client.get(path)
    assert response["Location"].endswith("/set-password/")  # the redirect removes the token from the URL
    weak = client.post(response["Location"], {"new_password1": "password", "new_password2": "password"})
    assert weak.status_code == 200
    form = {"new_password1": "looking-glass-8", "new_password2": "looking-glass-8"}
    assert client.post(response["Location"], form)["Location"] == "/app/login/"
    assert not is_signed_in(client)  # the link alone signs nobody in
    assert not is_signed_in(elsewhere)
    assert "no longer valid" in Client().get(path).content.decode()
    assert sign_in(client).status_code == 200
    assert sign_in(client, password="looking-glass-8").status_code == 302


def test_a_password_reset_does_not_replace_the_second_factor(client, tenants, mailoutbox):
    with_two_factor(tenants.alice)
    client.post("/app/forgotten/", {"email": "alice@acme.example"})
    emails.send_due()
    form_path = client.get("/app/" + link_in(mailoutbox[0]))["Location"]
    client.post(form_path, {"new_password1": "looking-glass-8", "new_password2": "looking-glass-8"})
    assert sign_in(client, password="looking-glass-8")["Location"] == "/app/login/code/"
    assert not is_signed_in(client)


def test_an_invitation_link_lets_the_invited_choose_a_password_once(client, tenants, mailoutbox):
    client.force_login(tenants.alice)
    form = {"name": "Carol", "email": "carol@acme.example", "role": "operator", "brands": [str(tenants.north.pk)]}
    assert client.post("/app/team/add/", form).status_code == 302
    carol = Operator.objects.get(email="carol@acme.example")
    assert (carol.is_active, carol.workspace, list(carol.brands.all())) == (False, tenants.acme, [tenants.north])
    emails.send_due()
    assert mailoutbox[0].to == ["carol@acme.example"]
    guest = Client()
    assert sign_in(guest, username=carol.email, password="").status_code == 200
    path = "/app/" + link_in(mailoutbox[0])
    form_path = guest.get(path)["Location"]
    page = guest.get(form_path).content.decode()
    assert "Choose a password to join Acme." in page
    assert ">Join<" in page
    response = guest.post(form_path, {"new_password1": "christmas-9-", "new_password2": "christmas-9-"}, follow=True)
    assert response.redirect_chain == [("/app/", 302)]
    assert "Welcome to Acme!" in response.content.decode()  # signed in at once
    assert is_signed_in(guest)
    assert sign_in(Client(), username=carol.email, password="christmas-9-").status_code == 302
    assert "no longer valid" in Client().get(path).content.decode()
    joined = ["operator.joined", "operator.signed_in", "operator.signed_in"]
    assert audited_actions() == ["operator.invited", "operator.sign_in_failed", *joined]


def test_joining_does_not_replace_a_second_factor(tenants, mailoutbox):
    carol = team.invite(tenants.alice, email="carol@acme.example", name="Carol", role="operator")
    with_two_factor(carol)
    emails.send_due()
    guest = Client()
    form_path = guest.get("/app/" + link_in(mailoutbox[0]))["Location"]
    response = guest.post(form_path, {"new_password1": "christmas-9-", "new_password2": "christmas-9-"})
    assert response["Location"] == "/app/login/code/?next=/app/"
    assert not is_signed_in(guest)


def test_line_breaks_in_names_inject_no_mail_header_and_delay_no_mail(tenants, mailoutbox):
    rename_workspace(tenants.acme, name="Acme\r\nBcc: evil@x.example")
    for number in range(2):
        team.invite(tenants.alice, email=f"new{number}@acme.example", name="New\nName", role="operator")
    emails.send_due()
    assert [mail.subject for mail in mailoutbox] == ["Join Acme Bcc: evil@x.example on PraxTalk"] * 2
    assert all(mail.bcc == [] and "evil" not in str(mail.recipients()) for mail in mailoutbox)


def test_revoked_resent_and_expired_invitations_are_refused(client, tenants, mailoutbox):
    invited = team.invite(tenants.alice, email="carol@acme.example", name="Carol", role="operator")
    emails.send_due()
    client.force_login(tenants.alice)
    page = f"/app/team/{invited.pk}/change/"
    form = {"name": "Carol", "role": "operator", "sees_all_brands": "on"}
    assert client.post(page, form | {"_invite_again": "1"}).status_code == 302
    emails.send_due()
    first, second = ("/app/" + link_in(mail) for mail in mailoutbox)
    assert "no longer valid" in Client().get(first).content.decode()
    assert Client().get(second).status_code == 302
    with time_machine.travel(datetime.now(UTC) + timedelta(days=3, minutes=1)):
        assert "no longer valid" in Client().get(second).content.decode()
    assert client.post(page, form | {"_withdraw": "1"}).status_code == 302
    assert "no longer valid" in Client().get(second).content.decode()
    assert not Operator.objects.filter(pk=invited.pk).exists()
