"""A minute of random writes and reconnects: every client ends with what the database holds, and never held anything else's."""

import random
import re
import time

import pytest

from accounts.operator_tokens import issue_token
from conversations.actions import assign, send_message, set_status, start_conversation, touch_presence
from conversations.models import Channel, Conversation, Message, Visitor
from leads.actions import create_lead, update_lead
from leads.models import Lead
from tests.servers import WEB, Server
from tests.sync.live_client import ask
from tests.sync.sockets import Socket

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

SECONDS = 60
CLIENTS = 20
SETTLE_SECONDS = 40
SEED = 20_261
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Client:
    """An operator's page: some live queries, connected again whenever the line drops."""

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
        self.socket.listen(0.001)

    def values(self):
        return [self.socket.values.get(query) for query in self.queries]

    def is_right(self):
        return self.values() == [ask(self.operator, name, **arguments) for name, arguments in self.watched]


def watched_by(brand, talk):
    return [
        ("conversations:listInbox", {"status": "open", "limit": 100}),
        ("conversations:listInbox", {"brandId": str(brand.pk), "limit": 10}),
        ("conversations:counts", {}),
        ("messages:list", {"conversationId": str(talk.pk)}),
        ("leads:list", {}),
        ("brands:list", {}),
    ]


def write(chance, cast):
    """One random change in one of the three brands."""
    brand = chance.choice([cast.north, cast.south, cast.west])
    talks = list(Conversation.objects.filter(brand=brand).order_by("?")[:1])
    leads = list(Lead.objects.filter(brand=brand).order_by("?")[:1])
    what = chance.randrange(8)
    if what == 0 or not talks:
        visitor = Visitor.objects.create(workspace_id=brand.workspace_id, brand=brand, name="Visitor")
        start_conversation(visitor, body=f"Hello {chance.random()}", channel=Channel.WIDGET)
    elif what <= 3:
        role = chance.choice([Message.Role.VISITOR, Message.Role.OPERATOR])
        send_message(talks[0], role=role, body=f"Text {chance.random()}", channel=Channel.API)
    elif what == 4:
        set_status(talks[0], status=chance.choice(Conversation.Status.values))
    elif what == 5:
        somebody = cast.mallory if brand == cast.west else cast.alice
        assign(talks[0], operator=chance.choice([None, somebody]))
        touch_presence(talks[0], operator=somebody, is_typing=chance.random() < 0.5)
    elif what == 6 or not leads:
        create_lead(brand.workspace_id, name="Lead", brand=brand)
    else:
        update_lead(leads[0], notes=str(chance.random()), status=chance.choice(Lead.Status.values))


def owners():
    """id -> the brand that it belongs to."""
    found = {}
    for conversation, visitor, brand in Conversation.objects.values_list("pk", "visitor_id", "brand_id"):
        found[str(conversation)] = found[str(visitor)] = found[str(brand)] = brand
    found |= {str(pk): brand for pk, brand in Message.objects.values_list("pk", "conversation__brand_id")}
    return found | {str(pk): brand for pk, brand in Lead.objects.values_list("pk", "brand_id")}


def test_a_minute_of_writes_and_reconnects(cast, talks):
    chance = random.Random(SEED)
    with (
        Server(*WEB, WEB_PROCESSES="1", SOCKET_PROCESSES="2") as one,
        Server(*WEB, WEB_PROCESSES="1") as other,
    ):
        clients = []
        for index in range(CLIENTS):
            operator, brand = [(cast.alice, cast.south), (cast.bob, cast.north), (cast.mallory, cast.west)][index % 3]
            clients.append(Client((one, other)[index % 2].url, operator, watched_by(brand, getattr(talks, brand.slug))))
        until, written = time.monotonic() + SECONDS, 0
        while time.monotonic() < until:
            if chance.random() < 0.05:
                chance.choice(clients).drop()
            elif chance.random() < 0.1:
                client = chance.choice(clients)
                talk = client.watched[3][1]
                client.socket.begin("messages:send", **talk, body=f"From a client {chance.random()}")
            write(chance, cast)
            written += 1
            for client in clients:
                client.read()
        deadline = time.monotonic() + SETTLE_SECONDS
        while not all(client.is_right() for client in clients):
            assert time.monotonic() < deadline, [client.operator.name for client in clients if not client.is_right()]
            for client in clients:
                client.socket.listen(0.05)
        for client in clients:
            client.texts += client.socket.raw
            client.socket.__exit__()
        assert "nobody had announced" not in one.output + other.output
        assert "Traceback" not in one.output + other.output
    assert written > 100
    assert sum(client.drops for client in clients) > 5
    brand_of, may_see = (
        owners(),
        {cast.alice: {cast.north.pk, cast.south.pk}, cast.bob: {cast.north.pk}, cast.mallory: {cast.west.pk}},
    )
    for client in clients:
        seen = {pk for text in client.texts for pk in UUID.findall(text)}
        assert len(seen) > 10
        foreign = {pk for pk in seen if pk in brand_of and brand_of[pk] not in may_see[client.operator]}
        assert foreign == set()
