"""The pages that are made by hand: who may open them, and that nobody reaches what is not theirs through them.

A page that is added to `praxtalk/urls.py` fails here until it stands in PAGES.
"""

import ipaddress
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.core.files.base import ContentFile
from django.urls import get_resolver, reverse

from accounts.actions import team
from accounts.models import OperatorSession
from accounts.operator_tokens import issue_token
from brands.models import Brand
from conversations import attachments
from conversations.actions import send_message
from conversations.models import Channel, Message, Visitor
from integrations.actions.api_keys import create_key
from integrations.models import ApiKey, Delivery, WebhookSubscription
from tests.inbox.pictures import PNG

pytestmark = pytest.mark.django_db

# name: (what it is about, the role that may open it, with POST what a success answers)
PAGES = {
    "overview": (None, "operator"),
    "profile": (None, "operator"),
    "change_password": (None, "operator"),
    "two_factor_on": (None, "operator"),
    "two_factor_off": (None, "operator"),
    "recovery_codes": (None, "operator"),
    "inbox": (None, "operator"),
    "inbox_conversation": ("conversation", "operator"),
    "inbox_token": (None, "operator"),
    "inbox_unread": (None, "operator"),
    "inbox_file": ("file", "operator"),
    "visitor_export": ("visitor", "operator"),
    "erase_visitor": ("visitor", "admin"),
    "brand_texts": ("brand", "admin"),
    "identity_secret": ("brand", "admin"),
    "check_site": ("brand", "admin"),
    "keys": (None, "admin"),
    "revoke_key": ("key", "admin"),
    "webhooks": (None, "admin"),
    "webhook": ("webhook", "admin"),
    "delete_webhook": ("webhook", "admin"),
    "reveal_secret": ("webhook", "admin"),
    "start_replay": ("webhook", "admin"),
    "webhook_action": ("webhook", "admin"),
    "event_log": (None, "admin"),
    "delivery": ("delivery", "admin"),
    "retry_now": ("delivery", "admin"),
    "replay": ("replay", "admin"),
    "agent_sdk": (None, "admin"),
    "revoke_token": ("session", "admin"),
    "workspace": (None, "owner"),
    "workspace_export": (None, "owner"),
    "export_progress": ("export", "owner"),
}
ENTRANCES = {
    "sign_in",
    "second_step",
    "forgotten",
    "choose_password",
    "join",
    "integrations",
}  # tests/dashboard/test_sign_in.py
ELSEWHERE = {"inbox_send_file"}  # tests/inbox
ONLY_GET = {
    *("inbox", "inbox_conversation", "inbox_unread", "inbox_file"),
    *("visitor_export", "delivery", "replay", "workspace_export", "export_progress"),
}
ONLY_POST = {"inbox_token", "start_replay", "webhook_action", "retry_now", "revoke_token"}


def test_every_page_stands_in_the_list():
    names = {getattr(url, "name", None) for url in get_resolver().url_patterns if str(url.pattern).startswith("app/")}
    assert names - {None} == {*PAGES, *ENTRANCES, *ELSEWHERE}


def file_of(talk):
    with attachments.kept(talk.workspace_id, ContentFile(PNG, "a.png")) as kept:
        send_message(talk, role=Message.Role.OPERATOR, body="", channel=Channel.DASHBOARD, attachment=kept)
    return kept


@pytest.fixture
def things(cast, talks, hooks):
    """Of each brand one of everything that a page can be about."""
    found = {}
    for brand in (cast.north, cast.south, cast.west):
        owner = brand.workspace.operators.get(role="owner")
        found[brand.slug] = {
            "brand": brand,
            "visitor": Visitor.objects.get(brand=brand),
            "key": create_key(brand.workspace, name=f"key-of-{brand.slug}", scope="read", brand=brand)[0],
            "webhook": getattr(hooks, brand.slug),
            "delivery": getattr(hooks, f"{brand.slug}_delivery"),
            "replay": getattr(hooks, f"{brand.slug}_replay"),
            "session": issue_token(cast.bob if brand == cast.north else owner)[1],
            "export": owner,  # any id
            "conversation": getattr(talks, brand.slug),
            "file": file_of(getattr(talks, brand.slug)),
        }
    return found


def path_of(name, thing):
    more = {"action": "pause"} if name == "webhook_action" else {}
    return reverse(name, kwargs={**({"id": thing.pk} if thing else {}), **more})


def ask(client, name, path):
    return client.post(path) if name in ONLY_POST else client.get(path)


@pytest.mark.parametrize("name", PAGES)
def test_each_role_opens_what_it_may(client, cast, things, name):
    about, least = PAGES[name]
    path = path_of(name, things["north"].get(about))
    assert ask(client, name, path)["Location"].startswith("/app/login/")
    bob = team.change_operator(cast.bob, by=cast.alice, sees_all_brands=True)
    ranks = ["operator", "admin", "owner"]
    for role in ranks:
        who = cast.alice if role == "owner" else team.change_operator(bob, by=cast.alice, role=role)
        client.force_login(who)
        expected = {200, 302} if ranks.index(role) >= ranks.index(least) else {403}
        assert ask(client, name, path).status_code in expected, (name, role)


@pytest.mark.parametrize("name", [name for name, (about, _) in PAGES.items() if about and about != "export"])
def test_what_is_not_theirs_is_404(client, cast, things, name):
    """For the rival, and for an admin who is limited to North; with GET and POST. Each twin stands above."""
    about = PAGES[name][0]
    bob = team.change_operator(cast.bob, by=cast.alice, role="admin")
    for viewer, foreign in ((cast.mallory, ("north", "south")), (bob, ("south", "west"))):
        client.force_login(viewer)
        for place in foreign:
            path = path_of(name, things[place][about])
            form = {"password": "build-er-9", "url": "https://x.example"}
            answers = [] if name in ONLY_GET else [client.post(path, form)]
            answers += [] if name in ONLY_POST else [client.get(path)]
            assert {answer.status_code for answer in answers} == {404}, (name, viewer, place)
    client.force_login(cast.alice)
    made_up = path_of(name, SimpleNamespace(pk=UUID(int=0)))
    assert ask(client, name, made_up).status_code == 404


@pytest.mark.parametrize("name", [name for name, (about, _) in PAGES.items() if about is None])
def test_no_page_shows_what_is_not_theirs(client, cast, things, name):
    bob = team.change_operator(cast.bob, by=cast.alice, role="admin")
    for viewer, foreign in ((cast.mallory, ("north", "south")), (bob, ("south", "west"))):
        client.force_login(viewer)
        answer = client.get(reverse(name))
        if answer.status_code in (302, 403):
            continue
        text = (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()
        for place in foreign:
            for thing in things[place].values():
                if isinstance(thing, OperatorSession) and viewer == bob:
                    continue
                assert str(thing.pk) not in text or thing == viewer, (name, viewer, thing)
            assert f"key-of-{place}" not in text


def test_an_export_of_the_workspace_is_its_own_and_holds_no_secret(client, cast, things):
    client.force_login(cast.alice)
    answer = client.get(reverse("workspace_export"), {"id": "x"})
    document = b"".join(answer.streaming_content).decode()
    assert {brand.name for brand in Brand.objects.filter(workspace=cast.acme)} == {"North", "South"}
    for table in (
        "brands",
        "operators",
        "apiKeys",
        "webhooks",
        "visitors",
        "conversations",
        "messages",
        "notes",
        "activities",
        "tags",
        "leads",
        "auditLog",
    ):
        assert f'"{table}":[' in document
    for place, is_there in (("north", True), ("south", True), ("west", False)):
        for about in ("brand", "visitor", "key", "webhook"):
            assert (str(things[place][about].pk) in document) == is_there
    for secret in (
        cast.alice.password,
        cast.north.encrypted_identity_secret,
        things["north"]["webhook"].encrypted_secret,
    ):
        assert secret not in document


def test_a_key_of_a_limited_admin_is_of_their_brand(client, cast, things, settings):
    settings.WEBHOOK_ALLOW_CIDRS = [ipaddress.ip_network("127.0.0.0/8")]
    bob = team.change_operator(cast.bob, by=cast.alice, role="admin")
    client.force_login(bob)
    form = {"name": "mine", "scope": "write", "expires": ""}
    for brand in ("", str(cast.south.pk), str(cast.west.pk), "nonsense", "\x00"):
        assert client.post("/app/integrations/keys/", form | {"brand": brand}).status_code == 422
    answer = client.post("/app/integrations/keys/", form | {"brand": str(cast.north.pk)})
    assert answer.status_code == 200
    assert ApiKey.objects.get(name="mine").brand == cast.north
    hook = {"url": "http://127.0.0.1:9999/", "events": ["lead.created"]}
    assert client.post("/app/integrations/webhooks/", hook | {"brand": ""}).status_code == 422
    assert client.post("/app/integrations/webhooks/", hook | {"brand": str(cast.north.pk)}).status_code == 200
    assert WebhookSubscription.objects.filter(url="http://127.0.0.1:9999/").get().brand == cast.north


def test_a_limited_admin_mints_tokens_for_themselves_only(client, cast, things):
    """One of somebody who sees more would show more."""
    bob = team.change_operator(cast.bob, by=cast.alice, role="admin")
    client.force_login(bob)
    for operator in (cast.alice, cast.mallory):
        answer = client.post("/app/integrations/sdk/", {"operator": str(operator.pk), "hours": "1"})
        assert answer.status_code == 422
    answer = client.post("/app/integrations/sdk/", {"operator": str(bob.pk), "hours": "1"})
    assert answer.status_code == 200
    assert OperatorSession.objects.filter(operator=bob).count() == 2  # with that of `things`


INVALID_LOOKUP_ERRORS = [{"cursor": "x"}, {"status": "x"}, {"webhook": "\x00"}, {"event": "a" * 5000}, {"webhook": "1"}]


@pytest.mark.parametrize("query", INVALID_LOOKUP_ERRORS)
def test_nonsense_in_the_log_s_address_shows_the_log(client, cast, hooks, query):
    client.force_login(cast.alice)
    assert client.get("/app/integrations/events/", query).status_code == 200
    assert Delivery.objects.count() == 3
