"""During random writes and reconnects, no client sees rows outside its scope; at the end, each is up to date."""

import random
import re
import time

import pytest

from accounts.actions.operator_tokens import issue_token
from conversations.actions import assign, send_message, set_status, start_conversation, touch_presence
from conversations.models import Channel, Conversation, Message, Visitor
from leads.actions import create_lead, update_lead
from leads.models import Lead
from tests.servers import WEB, Server
from tests.sync.live_client import call_as
from tests.sync.sockets import Socket

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True), pytest.mark.slow]

SECONDS = 20
CLIENTS = 20
SETTLE_SECONDS = 40
SEED = 20_261
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Client:
    """An operator's page: it watches some queries, and reconnects whenever the connection drops."""

    def __init__(self, url, operator, watched):
        self.url, self.operator, self.token = url, operator, issue_token(operator)[0]
        self.watched, self.texts, self.drops = watched, [], 0
        self.connect()

    def connect(self):
        self.socket = Socket(self.url, self.token)
        self.queries = [self.socket.add(name, **arguments) for name, arguments in self.watched]

    def drop(self):
        self.texts += self.socket.raw
        self.socket.__exit__()
        self.drops += 1
        self.connect()

    def read(self):
        self.socket.receive_for(0.001)

    def values(self):
        return [self.socket.values.get(query) for query in self.queries]

    def is_up_to_date(self):
        return self.values() == [call_as(self.operator, name, **arguments) for name, arguments in self.watched]


def queries_of(brand, conversation):
    return [
        ("conversations:listInbox", {"status": "open", "limit": 100}),
        ("conversations:listInbox", {"brandId": str(brand.pk), "limit": 10}),
        ("conversations:counts", {}),
        ("messages:list", {"conversationId": str(conversation.pk)}),
        ("leads:list", {}),
        ("brands:list", {}),
    ]


def make_random_change(chance, tenants):
    """Make one random change in one of the three brands."""
    brand = chance.choice([tenants.north, tenants.south, tenants.west])
    conversations = list(Conversation.objects.filter(brand=brand).order_by("?")[:1])
    leads = list(Lead.objects.filter(brand=brand).order_by("?")[:1])
    what = chance.randrange(8)
    if what == 0 or not conversations:
        visitor = Visitor.objects.create(workspace_id=brand.workspace_id, brand=brand, name="Visitor")
        start_conversation(visitor, body=f"Hello {chance.random()}", channel=Channel.WIDGET)
    elif what <= 3:
        role = chance.choice([Message.Role.VISITOR, Message.Role.OPERATOR])
        send_message(conversations[0], role=role, body=f"Text {chance.random()}", channel=Channel.API)
    elif what == 4:
        set_status(conversations[0], status=chance.choice(Conversation.Status.values))
    elif what == 5:
        somebody = tenants.mallory if brand == tenants.west else tenants.alice
        assign(conversations[0], operator=chance.choice([None, somebody]))
        touch_presence(conversations[0], operator=somebody, is_typing=chance.random() < 0.5)
    elif what == 6 or not leads:
        create_lead(brand.workspace_id, name="Lead", brand=brand)
    else:
        update_lead(leads[0], notes=str(chance.random()), status=chance.choice(Lead.Status.values))


def brand_by_id():
    """Return the id of the brand of every row, by the id of the row."""
    found = {}
    for conversation, visitor, brand in Conversation.objects.values_list("pk", "visitor_id", "brand_id"):
        found[str(conversation)] = found[str(visitor)] = found[str(brand)] = brand
    found |= {str(pk): brand for pk, brand in Message.objects.values_list("pk", "conversation__brand_id")}
    return found | {str(pk): brand for pk, brand in Lead.objects.values_list("pk", "brand_id")}


def test_clients_stay_correct_during_random_writes_and_reconnects(tenants, conversations):
    chance = random.Random(SEED)
    with (
        Server(*WEB, WEB_PROCESSES="1", SOCKET_PROCESSES="2") as one,
        Server(*WEB, WEB_PROCESSES="1") as other,
    ):
        clients = []
        for index in range(CLIENTS):
            operator, brand = [
                (tenants.alice, tenants.south),
                (tenants.bob, tenants.north),
                (tenants.mallory, tenants.west),
            ][index % 3]
            clients.append(
                Client((one, other)[index % 2].url, operator, queries_of(brand, getattr(conversations, brand.slug)))
            )
        until, written = time.monotonic() + SECONDS, 0
        while time.monotonic() < until:
            if chance.random() < 0.05:
                chance.choice(clients).drop()
            elif chance.random() < 0.1:
                client = chance.choice(clients)
                conversation = client.watched[3][1]
                client.socket.send_mutation("messages:send", **conversation, body=f"From a client {chance.random()}")
            make_random_change(chance, tenants)
            written += 1
            for client in clients:
                client.read()
        deadline = time.monotonic() + SETTLE_SECONDS
        while not all(client.is_up_to_date() for client in clients):
            assert time.monotonic() < deadline, [
                client.operator.name for client in clients if not client.is_up_to_date()
            ]
            for client in clients:
                client.socket.receive_for(0.05)
        for client in clients:
            client.texts += client.socket.raw
            client.socket.__exit__()
        assert "a change was not published" not in one.output + other.output
        assert "Traceback" not in one.output + other.output
    assert written > 100
    assert sum(client.drops for client in clients) > 5
    brand_of, may_see = (
        brand_by_id(),
        {
            tenants.alice: {tenants.north.pk, tenants.south.pk},
            tenants.bob: {tenants.north.pk},
            tenants.mallory: {tenants.west.pk},
        },
    )
    for client in clients:
        seen = {pk for text in client.texts for pk in UUID.findall(text)}
        assert len(seen) > 10
        foreign = {pk for pk in seen if pk in brand_of and brand_of[pk] not in may_see[client.operator]}
        assert foreign == set()
