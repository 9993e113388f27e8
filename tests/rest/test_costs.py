"""The cost of each call of the REST and widget APIs, in SQL statements and round trips to Valkey."""

import json
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from accounts.actions.operator_tokens import issue_token
from conversations.models import Attachment, Message, Visitor
from integrations.actions.subscriptions import create_webhook
from integrations.models import EventName
from praxtalk.urls import urlpatterns
from tests.conftest import make_conversation
from tests.round_trips import count_round_trips, run_request
from tests.widget.visitors import VisitorClient, client_id, identity_of
from widget.magic_links import magic_link

PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF"
METHODS = ("get", "post", "patch", "delete")


def resolve(world):
    return world.path_of(make_conversation(world.tenants.north)), {"status": "resolved"}


def send_text(world, path="messages", **more):
    return path, world.form(clientId=client_id(), body="In red?") | more


def send_file(world):
    file = SimpleUploadedFile("order.pdf", PDF, "application/pdf")
    return "messages", encode_multipart(BOUNDARY, world.form(clientId=client_id(), file=file))


def start(world, **more):
    return "start", world.form(clientId=client_id(), name="Maya A.", email="maya@example.com", message="Hello?", **more)


def identify(world, **headers):
    return "identify", world.form(**identity_of(world.tenants.north, "kim", name="Kim")), headers


def merge(world):
    stranger = VisitorClient(world.tenants.north)
    stranger.start()
    return identify(world, Authorization=f"Bearer {stranger.token}")


IDEMPOTENCY_KEY = {"Idempotency-Key": "once"}
MESSAGE = {"body": "Hi!"}

# Each row holds the number of SQL statements, including BEGIN, COMMIT and Django's check of the connection (SELECT 1), the
# number of round trips to Valkey, and a function that returns the request: a path, a body, headers. Every endpoint has at least
# one row; the text after a comma tells rows of the same endpoint apart. The costs include rate limits by IP address and by key,
# and a webhook that subscribes to every event.
COSTS = {
    "GET /api/v1/ping": (2, 1, lambda world: ("ping",)),
    "GET /api/v1/brands": (3, 1, lambda world: ("brands",)),
    "GET /api/v1/conversations": (4, 1, lambda world: ("conversations?status=open&limit=50",)),
    "GET /api/v1/conversations, of a brand": (5, 1, lambda world: (f"conversations?brandId={world.tenants.north.pk}",)),
    "GET /api/v1/conversations/<str:id>": (4, 1, lambda world: (world.north,)),
    "PATCH /api/v1/conversations/<str:id>": (10, 2, resolve),
    "PATCH /api/v1/conversations/<str:id>, to the status it has": (
        5,
        1,
        lambda world: (world.north, {"status": "open"}),
    ),
    "POST /api/v1/conversations/<str:id>/messages": (9, 2, lambda world: (f"{world.north}/messages", MESSAGE)),
    "POST /api/v1/conversations/<str:id>/messages, with an idempotency key": (
        11,
        2,
        lambda world: (f"{world.north}/messages", MESSAGE, IDEMPOTENCY_KEY),
    ),
    "POST /api/v1/conversations/<str:id>/messages, repeated with the same key": (
        6,
        1,
        lambda world: (f"{world.north}/messages", MESSAGE, IDEMPOTENCY_KEY),
    ),
    "POST /api/v1/conversations/<str:id>/messages, in an operator's name": (
        10,
        2,
        lambda world: (f"{world.north}/messages", MESSAGE | {"operatorId": str(world.tenants.alice.pk)}),
    ),
    "GET /api/v1/messages": (4, 1, lambda world: (f"messages?conversationId={world.conversations.north.pk}",)),
    "GET /api/v1/attachments/<str:id>": (3, 1, lambda world: (f"attachments/{world.attachment}",)),
    "GET /api/v1/leads": (4, 1, lambda world: ("leads",)),
    "POST /api/v1/leads": (7, 2, lambda world: ("leads", {"name": "Maya A."})),
    "POST /api/v1/leads, of a conversation": (
        8,
        2,
        lambda world: ("leads", {"name": "Maya A.", "conversationId": str(world.conversations.north.pk)}),
    ),
    "PATCH /api/v1/leads/<str:id>": (
        8,
        2,
        lambda world: (f"leads/{world.conversations.north_lead.pk}", {"status": "won"}),
    ),
    "GET /api/v1/events": (10, 1, lambda world: ("events",)),
    "GET /api/v1/events, without new events": (4, 1, lambda world: ("events",)),
    "GET /api/v1/webhooks": (3, 1, lambda world: ("webhooks",)),
    "POST /api/v1/webhooks": (
        8,
        1,
        lambda world: ("webhooks", {"url": "https://1.1.1.1/", "events": ["lead.created"]}),
    ),
    "GET /api/v1/webhooks/<str:id>": (3, 1, lambda world: (world.webhook,)),
    "PATCH /api/v1/webhooks/<str:id>": (8, 1, lambda world: (world.webhook, {"description": "Leads"})),
    "POST /api/v1/webhooks/<str:id>/rotate": (7, 1, lambda world: (f"{world.webhook}/rotate", {})),
    "POST /api/v1/webhooks/<str:id>/promote": (7, 1, lambda world: (f"{world.webhook}/promote", {})),
    "POST /api/v1/webhooks/<str:id>/retire": (7, 1, lambda world: (f"{world.webhook}/retire", {})),
    "POST /api/v1/webhooks/<str:id>/test": (3, 5, lambda world: (f"{world.webhook}/test", {})),
    "DELETE /api/v1/webhooks/<str:id>": (12, 1, lambda world: (f"webhooks/{world.webhooks.south.pk}",)),
    "GET /api/v1/deliveries": (3, 1, lambda world: ("deliveries",)),
    "GET /api/v1/deliveries, of a webhook": (4, 1, lambda world: (f"deliveries?webhookId={world.webhooks.north.pk}",)),
    "GET /api/v1/deliveries/<str:id>": (4, 1, lambda world: (world.delivery,)),
    "POST /api/v1/deliveries/<str:id>/retry": (7, 2, lambda world: (f"{world.delivery}/retry", {})),
    "POST /api/v1/deliveries/replay": (
        8,
        2,
        lambda world: ("deliveries/replay", {"webhookId": str(world.webhooks.north.pk), "status": "missing"}),
    ),
    "GET /api/v1/replays/<str:id>": (3, 1, lambda world: (f"replays/{world.webhooks.north_replay.pk}",)),
    "POST /api/v1/operator-sessions": (7, 1, lambda world: ("operator-sessions", {"email": "alice@acme.example"})),
    "DELETE /api/v1/operator-sessions/<str:id>": (
        7,
        2,
        lambda world: (f"operator-sessions/{issue_token(world.tenants.alice)[1].pk}", {}),
    ),
    "GET /api/v1/openapi.json": (0, 1, lambda world: ("openapi.json",)),
    "GET /widget/v1/config": (2, 0, lambda world: (f"config?id={world.tenants.north.widget_id}",)),
    "POST /widget/v1/start": (11, 3, start),
    "POST /widget/v1/start, with a new verified identity": (
        11,
        3,
        lambda world: start(world, identity=identity_of(world.tenants.north)),
    ),
    "POST /widget/v1/start, with a known verified identity": (
        12,
        3,
        lambda world: start(world, identity=identity_of(world.tenants.north)),
    ),
    "POST /widget/v1/identify": (6, 1, identify),
    "POST /widget/v1/identify, with a stranger's token": (15, 2, merge),
    "POST /widget/v1/return": (
        2,
        1,
        lambda world: ("return", world.form(code=magic_link(world.kim).partition("=")[2])),
    ),
    "GET /widget/v1/messages": (4, 2, lambda world: (world.widget_path("messages"),)),
    "GET /widget/v1/messages, before a message": (
        5,
        1,
        lambda world: (world.widget_path("messages", f"&before={world.message}"),),
    ),
    "POST /widget/v1/messages": (11, 3, send_text),
    "POST /widget/v1/messages, with a file": (14, 3, send_file),
    "GET /widget/v1/attachments/<str:id>": (
        3,
        1,
        lambda world: (world.widget_path(f"attachments/{world.attachment}"),),
    ),
}


def endpoints():
    """Yield `METHOD /path` of every endpoint of the two APIs, from the URL patterns."""
    for pattern in urlpatterns:
        route = str(pattern.pattern)
        if route.startswith(("api/v1/", "widget/v1/")):
            view = pattern.callback.view_class
            yield from (f"{method.upper()} /{route}" for method in METHODS if hasattr(view, method))


def test_every_endpoint_has_an_expected_cost():
    assert {name.partition(",")[0] for name in COSTS} == set(endpoints())


class ApiWorld(SimpleNamespace):
    """The tenants, an API key of Acme, a webhook for all events, and a visitor whose conversation contains a file."""

    def __init__(self, tenants, conversations, webhooks, api_client):
        super().__init__(
            tenants=tenants,
            conversations=conversations,
            webhooks=webhooks,
            api_client=api_client,
            visitor=VisitorClient(tenants.north),
        )
        create_webhook(tenants.acme, url="http://127.0.0.1:9/", events=list(EventName))
        assert self.visitor.start().status_code == 201
        assert self.visitor.send_file("order.pdf", PDF).status_code == 201
        self.attachment, self.message = Attachment.objects.get().pk, Message.objects.latest("created_at").pk
        self.kim = Visitor.objects.create(workspace=tenants.acme, brand=tenants.north, name="Kim", external_id="kim")
        self.north = self.path_of(conversations.north)
        self.webhook, self.delivery = f"webhooks/{webhooks.north.pk}", f"deliveries/{webhooks.north_delivery.pk}"

    def path_of(self, conversation):
        return f"conversations/{conversation.pk}"

    def form(self, **values):
        return {"widgetId": self.tenants.north.widget_id} | values

    def widget_path(self, path, more=""):
        return f"{path}?widgetId={self.tenants.north.widget_id}{more}"

    def send(self, name, path, body=None, headers=None):
        """Send a request and return (status, content).

        The request is authenticated by the API key or the visitor's token, unless `headers` contain another.
        """
        method, route = name.partition(",")[0].split()
        if route.startswith("/api/"):
            base, token = "/api/v1/", self.api_client.secret
        else:
            base, token = "/widget/v1/", "" if route.endswith("/identify") else self.visitor.token
        sent = {"Authorization": f"Bearer {token}", "Origin": self.visitor.origin} | (headers or {})
        is_file = isinstance(body, bytes)
        content = body if is_file else json.dumps(body).encode() if body is not None else b""
        kind = MULTIPART_CONTENT if is_file else "application/json"
        return run_request(method, base + path, content, content_type=kind, headers=sent)


@pytest.mark.django_db(transaction=True)
def test_each_call_needs_the_expected_statements_and_round_trips(
    tenants, conversations, webhooks, api_client, monkeypatch
):
    world = ApiWorld(tenants, conversations, webhooks, api_client)
    # Updates the time of the key's last use, at most once a minute.
    world.send("GET /api/v1/ping", "ping")
    # Updates the time of the widget's last use, at most once an hour.
    world.send("GET /widget/v1/config", f"config?id={tenants.north.widget_id}")
    costs, sql = {}, {}
    for name, (*_, request) in COSTS.items():
        call = request(world)
        with count_round_trips(monkeypatch) as round_trips:
            status, content = world.send(name, *call)
        assert status in (200, 201), (name, status, content)
        costs[name], sql[name] = (round_trips.statements, round_trips.writes), round_trips.sql
    expected = {name: (statements, writes) for name, (statements, writes, _) in COSTS.items()}
    wrong = {name: f"{costs[name]} instead of {expected[name]}" for name in COSTS if costs[name] != expected[name]}
    assert not wrong, "\n".join(f"{name}: {wrong[name]}\n    " + "\n    ".join(sql[name]) for name in wrong)
