"""The pages of a visitor and of a lead: what they show, what can be edited, and how they lead to each other and to the inbox."""

import html

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, Operator
from conversations.actions import change_visitor, start_conversation
from conversations.models import Channel, Conversation, Visitor
from leads.actions import create_lead
from leads.models import Lead
from tests.sync.live_client import call_as
from tests.sync.sockets import RequestFailed

pytestmark = pytest.mark.django_db
DETAILS = {"name": "Maya Quill", "email": "maya@quill.example", "phone": "+48 601 000 111"}


@pytest.fixture
def visitor(tenants, conversations):
    return conversations.north.visitor


def page_of(visitor):
    return f"/app/visitors/{visitor.pk}/change/"


def test_the_page_of_a_visitor_shows_details_conversations_and_leads(client, tenants, conversations, visitor):
    second = start_conversation(visitor, body="Another question", channel=Channel.WIDGET)
    lead = create_lead(tenants.acme.pk, name="A lead of Maya", conversation=second)
    Visitor.objects.filter(pk=visitor.pk).update(browser="Firefox on Linux", time_zone="Asia/Tokyo")
    for operator in (tenants.alice, tenants.bob):
        client.force_login(operator)
        page = client.get(page_of(visitor)).content.decode()
        for value in ("maya@example.com", "+251 11 000", "Firefox on Linux", "Asia/Tokyo", "North", "Another question"):
            assert value in page, value
        assert "Not verified: the visitor has entered these details." in html.unescape(page)
        for conversation in (conversations.north, second):
            assert f'href="/app/inbox/{conversation.pk}/"' in page
        assert f'href="/app/leads/{lead.pk}/change/"' in page
        assert str(conversations.south.pk) not in page
        assert f'href="/app/visitors/{visitor.pk}/export/"' in page
        assert (f'href="/app/visitors/{visitor.pk}/erase/"' in page) == (operator == tenants.alice)


def test_the_page_says_whether_the_identity_is_verified(client, tenants, visitor):
    Visitor.objects.filter(pk=visitor.pk).update(external_id="customer-7")
    client.force_login(tenants.alice)
    page = html.unescape(client.get(page_of(visitor)).content.decode())
    assert "Verified: your site has signed the visitor's id." in page
    assert "customer-7" in page
    assert "Your site may send another value" in page


def test_40_conversations_need_as_many_queries_as_2(client, tenants, visitor):
    client.force_login(tenants.alice)
    counts = []
    for added in (1, 38):
        for _ in range(added):
            create_lead(
                tenants.acme.pk,
                name="Lead",
                conversation=start_conversation(visitor, body="Hi", channel=Channel.WIDGET),
            )
        client.get(page_of(visitor))
        with CaptureQueriesContext(connection) as queries:
            assert client.get(page_of(visitor)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 12


def test_many_conversations_are_shown_page_by_page(client, tenants, conversations, visitor):
    for number in range(50):
        start_conversation(visitor, body=f"Question {number}", channel=Channel.WIDGET)
    client.force_login(tenants.alice)
    first, second = (client.get(page_of(visitor), {"page": number}).content.decode() for number in (1, 2))
    assert "Question 49" in first
    assert str(conversations.north.pk) not in first
    assert str(conversations.north.pk) in second
    for odd in ("0", "-1", "x", "9" * 30, "\x00"):
        assert client.get(page_of(visitor), {"page": odd}).status_code == 200


def test_operators_edit_a_visitor_and_the_audit_log_has_no_personal_data(client, tenants, conversations, visitor):
    before = Conversation.objects.get(pk=conversations.north.pk).updated_at
    client.force_login(tenants.bob)
    response = client.post(page_of(visitor), DETAILS)
    assert (response.status_code, response["Location"]) == (302, page_of(visitor))
    visitor.refresh_from_db()
    assert {name: getattr(visitor, name) for name in DETAILS} == DETAILS
    assert Conversation.objects.get(pk=conversations.north.pk).updated_at > before
    entry = AuditEntry.objects.get(action="visitor.changed")
    assert (entry.subject, entry.details, entry.operator) == (
        str(visitor.pk),
        {"changed": ["name", "email", "phone"]},
        tenants.bob,
    )
    client.post(page_of(visitor), DETAILS)  # nothing changed
    assert AuditEntry.objects.filter(action="visitor.changed").count() == 1
    client.force_login(tenants.alice)
    assert f'href="{page_of(visitor)}"' in client.get("/app/audit-log/").content.decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "\u200b"},
        {"name": "x" * 201},
        {"name": "a\x00b"},
        {"email": "nobody"},
        {"email": f"{'x' * 250}@example.com"},
        {"phone": "1" * 41},
        {"phone": "\u202e1"},
    ],
)
def test_invalid_details_are_refused_and_keep_what_was_entered(client, tenants, visitor, wrong):
    client.force_login(tenants.alice)
    response = client.post(page_of(visitor), DETAILS | wrong)
    assert response.status_code == 200
    assert 'class="errorlist"' in response.content.decode()
    if "name" not in wrong:
        assert 'value="Maya Quill"' in response.content.decode()
    visitor.refresh_from_db()
    assert (visitor.name, visitor.email, visitor.phone) == ("Maya A.", "maya@example.com", "+251 11 000")
    with pytest.raises(RequestFailed) as refused:
        call_as(tenants.alice, "visitors:update", visitorId=str(visitor.pk), **wrong)
    assert (refused.value.code, next(iter(wrong)) in str(refused.value)) in ((None, True), ("INVALID", True))


def test_rivals_and_operators_of_other_brands_cannot_edit_a_visitor(client, tenants, conversations):
    for operator, brand in ((tenants.mallory, "north"), (tenants.bob, "south"), (tenants.alice, "west")):
        client.force_login(operator)
        visitor = getattr(conversations, brand).visitor
        assert client.get(page_of(visitor)).status_code == 404
        assert client.post(page_of(visitor), DETAILS).status_code == 404
        visitor.refresh_from_db()
        assert visitor.name == "Maya A."


def test_a_visitor_is_edited_by_a_live_mutation(tenants, visitor):
    update = {"visitorId": str(visitor.pk)}
    assert call_as(tenants.bob, "visitors:update", **update, name=" Maya Quill ", phone=None) == {"ok": True}
    shown = call_as(tenants.alice, "visitors:get", **update)
    assert (shown["name"], shown["email"], shown["phone"]) == ("Maya Quill", "maya@example.com", None)
    for arguments in ({}, {"externalId": "x"}, {"name": 5}, {"name": None}):
        with pytest.raises(RequestFailed):
            call_as(tenants.alice, "visitors:update", **update, **arguments)


def test_changing_a_visitor_that_has_been_erased_says_so(tenants, visitor):
    Conversation.objects.filter(visitor=visitor).delete()
    Visitor.objects.filter(pk=visitor.pk).delete()
    with pytest.raises(Visitor.DoesNotExist):
        change_visitor(visitor, name="New")


def test_an_erasure_that_starts_in_the_inbox_leads_back_to_it(client, tenants, conversations, visitor):
    client.force_login(tenants.alice)
    assert "data-may-erase" in client.get("/app/inbox/").content.decode()
    path = f"/app/visitors/{visitor.pk}/erase/?conversation={conversations.north.pk}"
    assert f'href="/app/inbox/{conversations.north.pk}/"' in client.get(path).content.decode()
    assert client.post(path)["Location"] == "/app/inbox/"
    assert not Visitor.objects.filter(pk=visitor.pk).exists()
    client.force_login(tenants.bob)
    assert "data-may-erase" not in client.get("/app/inbox/").content.decode()


def test_an_erasure_that_starts_elsewhere_leads_to_the_list(client, tenants, visitor):
    client.force_login(tenants.alice)
    for odd in ("", "?conversation=x", "?conversation=//evil.example"):
        path = f"/app/visitors/{visitor.pk}/erase/{odd}"
        assert f'href="{page_of(visitor)}"' in client.get(path).content.decode()
    assert client.post(path)["Location"] == "/app/visitors/"


# --- leads ---


@pytest.fixture
def lead(tenants, conversations):
    return create_lead(
        tenants.acme.pk, name="Maya", email="maya@example.com", notes="VIP", conversation=conversations.north
    )


FORM = {"name": "Maya", "email": "maya@example.com", "phone": "", "status": "new", "notes": "VIP"}


def test_a_lead_leads_to_its_conversation_and_its_visitor(client, tenants, conversations, lead):
    for operator in (tenants.alice, tenants.bob):
        client.force_login(operator)
        page = client.get(f"/app/leads/{lead.pk}/change/").content.decode()
        assert f'href="/app/inbox/{conversations.north.pk}/"' in page
        assert f'href="{page_of(conversations.north.visitor)}"' in page
        assert client.get(f"/app/leads/{conversations.north_lead.pk}/change/").status_code == 200


def test_the_details_of_a_lead_can_be_edited(client, tenants, lead):
    client.force_login(tenants.bob)
    form = FORM | {"name": "Maya Quill", "email": "maya@quill.example", "phone": "+48 601 000 111", "status": "won"}
    assert client.post(f"/app/leads/{lead.pk}/change/", form).status_code == 302
    lead.refresh_from_db()
    assert {name: getattr(lead, name) for name in form} == form
    client.post(f"/app/leads/{lead.pk}/change/", form | {"email": "", "phone": ""})
    lead.refresh_from_db()
    assert (lead.email, lead.phone) == ("", "")
    refused = client.post(f"/app/leads/{lead.pk}/change/", form | {"email": "nobody"})
    assert 'value="nobody"' in refused.content.decode()


@pytest.mark.parametrize("page", ["add/", "{other}/change/"])
def test_a_second_lead_with_an_e_mail_is_saved_after_a_warning(client, tenants, conversations, lead, page):
    client.force_login(tenants.alice)
    path = f"/app/leads/{page.format(other=conversations.north_lead.pk)}"
    form = FORM | {"name": "Another", "email": "MAYA@example.com"}
    warned = client.post(path, form)
    text = warned.content.decode()
    assert warned.status_code == 200
    assert f'There is already a lead with this e-mail: <a href="/app/leads/{lead.pk}/change/">Maya</a> (New)' in text
    assert '<input type="hidden" name="confirmed_email" value="MAYA@example.com">' in text
    assert Lead.objects.filter(email__iexact="maya@example.com").count() == 1
    wrong_elsewhere = client.post(path, form | {"confirmed_email": "MAYA@example.com", "name": ""}).content.decode()
    assert 'name="confirmed_email" value="MAYA@example.com"' in wrong_elsewhere
    assert client.post(path, form | {"confirmed_email": "MAYA@example.com"}).status_code == 302
    assert Lead.objects.filter(email__iexact="maya@example.com").count() == 2


def test_a_confirmed_address_does_not_confirm_another(client, tenants, lead):
    create_lead(tenants.acme.pk, name="Noor", email="noor@example.com")
    client.force_login(tenants.alice)
    form = FORM | {"name": "New", "email": "noor@example.com", "confirmed_email": "maya@example.com"}
    assert "There is already a lead" in client.post("/app/leads/add/", form).content.decode()


def test_saving_a_lead_whose_e_mail_stays_does_not_warn_again(client, tenants, lead):
    create_lead(tenants.acme.pk, name="Twin", email="maya@example.com")
    client.force_login(tenants.alice)
    assert client.post(f"/app/leads/{lead.pk}/change/", FORM | {"notes": "Call back"}).status_code == 302


def test_the_warning_reveals_no_lead_of_another_brand_or_workspace(client, tenants):
    create_lead(tenants.acme.pk, name="Secret", email="a@secret.example", brand=tenants.south)
    create_lead(tenants.globex.pk, name="Rival", email="a@secret.example", brand=tenants.west)
    client.force_login(tenants.bob)
    form = FORM | {"email": "a@secret.example", "brand": str(tenants.north.pk)}
    assert client.post("/app/leads/add/", form).status_code == 302
    arguments = {"name": "New", "email": "a@secret.example", "brandId": str(tenants.north.pk), "unlessDuplicate": True}
    with pytest.raises(RequestFailed, match="There is already a lead with this e-mail: Maya"):  # which Bob has created
        call_as(tenants.bob, "leads:create", **arguments)
    assert Lead.objects.filter(email="a@secret.example").count() == 3


def test_the_live_mutation_names_the_lead_with_the_same_e_mail(tenants, conversations, lead):
    arguments = {"name": "Again", "email": "Maya@Example.com", "conversationId": str(conversations.north.pk)}
    with pytest.raises(RequestFailed) as refused:
        call_as(tenants.bob, "leads:create", **arguments, unlessDuplicate=True)
    assert refused.value.code == "CONFLICT"
    assert str(lead.pk) in str(refused.value)
    assert call_as(tenants.bob, "leads:create", **arguments)["leadId"]
    without_email = {"name": "Again", "brandId": str(tenants.north.pk), "unlessDuplicate": True}
    assert call_as(tenants.bob, "leads:create", **without_email)["leadId"]


def test_rest_creates_leads_with_the_same_e_mail_as_before(api_client, tenants, lead):
    assert api_client.post("/api/v1/leads", {"name": "Again", "email": "maya@example.com"}).status_code == 201
    assert api_client.post("/api/v1/leads", {"name": "Again", "unlessDuplicate": True}).status_code == 422
    assert api_client.patch(f"/api/v1/leads/{lead.pk}", {"email": "x@example.com"}).status_code == 422


def test_an_admin_sees_the_page_of_an_owner_without_save_buttons(client, tenants):
    Operator.objects.filter(pk=tenants.bob.pk).update(role="admin", sees_all_brands=True)
    client.force_login(Operator.objects.get(pk=tenants.bob.pk))
    page = client.get(f"/app/team/{tenants.alice.pk}/change/").content.decode()
    assert "alice@acme.example" in page
    assert 'name="_save"' not in page
    assert client.post(f"/app/team/{tenants.alice.pk}/change/", {"name": "Eve"}).status_code == 403
    client.force_login(tenants.alice)
    assert 'name="_save"' in client.get(f"/app/team/{tenants.bob.pk}/change/").content.decode()
