"""The OpenAPI document: valid, complete, true, and kept to by the live server."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.urls import URLPattern

from conversations.actions import send_message
from conversations.models import Channel, Message
from conversations.serializers import ConversationJson, MessageJson, ThreadJson, VisitorJson
from integrations.api_keys import create_key
from integrations.models import EventName
from leads.actions import create_lead
from leads.serializers import LeadJson
from praxtalk.urls import urlpatterns
from tests.conftest import make_talk
from tests.servers import Server


@pytest.fixture
def document(client, db):
    answer = client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    return answer.json()


def test_it_is_3_1_and_names_every_route_and_event(document):
    assert document["openapi"].startswith("3.1")
    routes = {
        p.pattern._route for p in urlpatterns if isinstance(p, URLPattern) and str(p.pattern).startswith("api/v1/")
    }
    described = {re.sub(r"{(\w+)}", r"<str:\1>", path).lstrip("/") for path in document["paths"]}
    assert described == routes - {"api/v1/openapi.json"}
    assert set(document["webhooks"]) == set(EventName.values)


def test_every_answer_is_described(document):
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert set(operation["responses"]) >= {"401", "403", "404", "422", "429", "5XX"}, (path, method)
            success = operation["responses"].get("200") or operation["responses"]["201"]
            assert "X-RateLimit-Remaining" in success["headers"]
            names = {parameter["name"] for parameter in operation.get("parameters", [])}
            assert ("Idempotency-Key" in names) == (method == "post")


def test_the_shapes_declared_are_the_shapes_sent(cast, crm):
    conversation = make_talk(cast.north)
    send_message(conversation, role=Message.Role.OPERATOR, body="Hi", channel=Channel.API, author=cast.alice)
    create_lead(cast.acme.pk, name="Maya")
    sent = {
        ConversationJson: crm.get("/api/v1/conversations").json()["conversations"][0],
        VisitorJson: crm.get("/api/v1/conversations").json()["conversations"][0]["visitor"],
        ThreadJson: crm.get(f"/api/v1/conversations/{conversation.pk}").json()["conversation"] | {"olderCursor": ""},
        MessageJson: crm.get(f"/api/v1/messages?conversationId={conversation.pk}").json()["messages"][1],
        LeadJson: crm.get("/api/v1/leads").json()["leads"][0],
    }
    for shape, row in sent.items():
        assert list(shape().fields) == list(row), shape
    assert sent[MessageJson]["author"] == {"_id": str(cast.alice.pk), "name": "Alice"}


def test_the_committed_copy_is_current(document):
    """docs/openapi.json is what reviewers and generators read; `make openapi` writes it."""
    committed = json.loads(Path("docs/openapi.json").read_text())
    del document["servers"]
    assert committed == document, "run `make openapi` and commit docs/openapi.json"


@pytest.mark.live
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scope", ["write", "read"])
def test_schemathesis_finds_nothing(cast, scope, tmp_path):
    """Hundreds of generated requests, good and bad, against the live server: no 5xx, every answer as described."""
    for _ in range(3):
        make_talk(cast.north)
        create_lead(cast.acme.pk, name="Lead", brand=cast.north)
    _, secret = create_key(cast.acme, name="k", scope=scope)
    with Server("--only", "web") as server:
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/api/v1/openapi.json"),
            *("--header", f"Authorization: Bearer {secret}", "--checks", "all", "--max-examples", "15"),
            *("--phases", "examples,coverage,fuzzing", "--generation-deterministic", "--no-color"),
            # A read key is refused where the body is fine, and an id nobody has is a 404.
            *("--exclude-checks", "positive_data_acceptance,missing_required_header,unsupported_method"),
        ]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert result.returncode == 0, result.stdout[-6000:]
    tried, passed = re.search(r"(\d+) generated, (\d+) passed", result.stdout).groups()
    assert int(tried) == int(passed) > 300
