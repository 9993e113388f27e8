"""Simultaneous submissions by two people, or by one person in two windows."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts import emails
from accounts.actions import team
from accounts.models import Operator
from brands.models import Brand
from conversations.models import CannedReply

pytestmark = pytest.mark.django_db(transaction=True)


def call_at_once(*calls):
    """Call all functions at the same moment, each in its own thread, and return their results."""
    start = Barrier(len(calls))

    def run(call):
        start.wait(10)
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return [future.result() for future in [threads.submit(run, call) for call in calls]]


def browser_of(operator):
    client = Client()
    client.force_login(operator)
    return client


@pytest.mark.parametrize(
    "loss", [{"role": "operator", "is_active": "on"}, {"role": "owner"}], ids=["role", "deactivated"]
)
def test_two_owners_who_remove_each_other_leave_one_owner(tenants, loss):
    Operator.objects.filter(pk=tenants.bob.pk).update(role="owner", sees_all_brands=True)
    people = [tenants.alice, Operator.objects.get(pk=tenants.bob.pk)]
    for _ in range(3):
        browsers = [browser_of(each) for each in people]
        forms = [{"name": other.name, "sees_all_brands": "on", **loss} for other in reversed(people)]
        paths = [f"/app/team/{other.pk}/change/" for other in reversed(people)]
        call_at_once(*(lambda b=b, p=p, f=f: b.post(p, f) for b, p, f in zip(browsers, paths, forms, strict=True)))
        owners = Operator.objects.filter(workspace=tenants.acme, role="owner", is_active=True)
        assert owners.count() == 1
        Operator.objects.filter(workspace=tenants.acme).update(role="owner", is_active=True)


@pytest.mark.parametrize(
    ("path", "form", "rows"),
    [
        ("team", {"email": "new@acme.example", "name": "New", "role": "operator", "sees_all_brands": "on"}, Operator),
        ("canned-replies", {"shortcut": "hi", "body": "Hi!", "brand": ""}, CannedReply),
        ("brands", {"name": "East", "primary_color": "#123456"}, Brand),
    ],
    ids=["team", "canned-replies", "brands"],
)
def test_a_form_submitted_several_times_at_once_causes_no_error(tenants, path, form, rows):
    before = rows.objects.count()
    browsers = [browser_of(tenants.alice) for _ in range(4)]
    responses = call_at_once(*(lambda b=b: b.post(f"/app/{path}/add/", form) for b in browsers))
    assert {response.status_code for response in responses} <= {200, 302}
    created = rows.objects.count() - before
    assert 1 <= created <= (4 if rows is Brand else 1)


def test_an_invitation_used_twice_at_once_is_accepted_once(tenants, mailoutbox):
    operator = team.invite(tenants.alice, email="new@acme.example", name="New", role="operator")
    link = f"/app/join/{urlsafe_base64_encode(force_bytes(operator.pk))}/"
    browsers = [Client(), Client()]
    for browser in browsers:
        assert browser.get(f"{link}{emails.invitation_tokens.make_token(operator)}/").status_code == 302
    words = ("north-wind-7", "south-wind-7")
    forms = [{"new_password1": word, "new_password2": word} for word in words]
    responses = call_at_once(
        *(lambda b=b, f=f: b.post(f"{link}password/", f) for b, f in zip(browsers, forms, strict=True))
    )
    pages = [
        (a.content + b.get("/app/login/", follow=True).content).decode()
        for a, b in zip(responses, browsers, strict=True)
    ]
    assert sorted("Welcome" in text for text in pages) == [False, True]
    # The first text refuses a request that runs at the same time as the other, the second one that comes later.
    too_late = ("already been accepted", "It has already been used")
    assert sorted(any(words in text for words in too_late) for text in pages) == [False, True]
    operator.refresh_from_db()
    assert operator.check_password(words["Welcome" in pages[1]])
