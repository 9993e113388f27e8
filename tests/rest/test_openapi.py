"""The OpenAPI document is valid and complete, and the running server conforms to it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.urls import URLPattern

from conversations.actions import send_message, set_status
from conversations.models import Channel, Message
from conversations.serializers import ConversationJson, ConversationList, MessageJson, ThreadJson, VisitorJson
from integrations.actions.api_keys import create_key
from integrations.models import EventName
from leads.actions import create_lead, update_lead
from leads.serializers import LeadJson, LeadList
from praxtalk.urls import urlpatterns
from tests.conftest import make_conversation
from tests.servers import WEB, Server

# Generated clients have types for these components, so renaming one breaks them.
PUBLISHED = """
    AttachmentJson AttemptJson BrandJson BrandList ConversationAnswer ConversationJson
    ConversationList DeliveryAlone DeliveryJson DeliveryList DeliveryWithLog Done EventJson
    EventList LeadChangeRequest LeadCreated LeadJson LeadList MessageJson MessageList MessageSent
    NewLeadRequest NewMessageRequest NewReplayRequest NewSecret NewSessionRequest NewWebhookRequest
    PauseJson PersonJson Pong Refusal ReplayCreated ReplayState RotationJson SessionOpened
    StatusChangeRequest Tested ThreadJson VisitorJson WebhookAlone WebhookChangeRequest
    WebhookCreated WebhookJson WebhookList
""".split()  # noqa: SIM905


@pytest.fixture
def document(client, db):
    response = client.get("/api/v1/openapi.json")
    assert response.status_code == 200
    return response.json()


def test_the_document_is_openapi_3_1_and_covers_every_route_and_event(document):
    assert document["openapi"].startswith("3.1")
    routes = {
        p.pattern._route for p in urlpatterns if isinstance(p, URLPattern) and str(p.pattern).startswith("api/v1/")
    }
    described = {re.sub(r"{(\w+)}", r"<str:\1>", path).lstrip("/") for path in document["paths"]}
    assert described == routes - {"api/v1/openapi.json"}
    assert set(document["webhooks"]) == set(EventName.values)


def test_every_operation_describes_its_responses(document):
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert set(operation["responses"]) >= {"401", "403", "404", "422", "429", "5XX"}, (path, method)
            success = operation["responses"].get("200") or operation["responses"]["201"]
            assert "X-RateLimit-Remaining" in success["headers"]
            names = {parameter["name"] for parameter in operation.get("parameters", [])}
            assert ("Idempotency-Key" in names) == (method == "post")


def test_published_components_keep_their_names(document):
    assert set(PUBLISHED) - set(document["components"]["schemas"]) == set()


def test_every_time_has_the_format_int64(document):
    """Without a format, generators use 32 bits, and milliseconds since 1970 need 41."""
    is_time = re.compile(r".*(At|Until|Since)|since|until")
    fields = [
        (f"{name}.{field}", shape)
        for name, schema in document["components"]["schemas"].items()
        for field, shape in schema.get("properties", {}).items()
    ]
    fields += [
        (parameter["name"], parameter["schema"])
        for operations in document["paths"].values()
        for operation in operations.values()
        for parameter in operation.get("parameters", [])
    ]
    times = {name: shape for name, shape in fields if is_time.fullmatch(name.split(".")[-1])}
    assert len(times) > 15
    assert {name for name, shape in times.items() if shape.get("format") != "int64"} == set()
    response = document["paths"]["/api/v1/ping"]["get"]["responses"]["200"]
    assert response["headers"]["X-RateLimit-Reset"]["schema"]["format"] == "int64"


def test_each_event_has_its_own_operation_and_schema(document):
    calls = [operation for path in document["paths"].values() for operation in path.values()]
    events = {name: methods["post"] for name, methods in document["webhooks"].items()}
    ids = [operation["operationId"] for operation in [*calls, *events.values()]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-z][A-Za-z]+", each) for each in ids), ids
    assert all(operation["tags"] == ["Webhook events"] for operation in events.values())
    assert "Webhook events" not in {tag for operation in calls for tag in operation["tags"]}
    shapes = set()
    for name, operation in events.items():
        reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].split("/")[-1]
        assert document["components"]["schemas"][reference]["properties"]["type"]["const"] == name
        shapes.add(reference)
    assert len(shapes) == len(events)


def test_sent_events_match_their_schemas(tenants, api_client, document):
    set_status(make_conversation(tenants.north), status="resolved")
    update_lead(create_lead(tenants.acme.pk, name="Maya"), status="won")
    sent = {event["type"]: event for event in api_client.get("/api/v1/events").json()["events"]}
    assert set(sent) == set(EventName.values)
    schemas = document["components"]["schemas"]
    for name, event in sent.items():
        words = name.replace(".", "_").split("_")
        schema = schemas["".join(word.capitalize() for word in words) + "Event"]
        assert set(event) == set(schema["properties"])
        data = schemas[schema["properties"]["data"]["$ref"].split("/")[-1]]
        assert set(event["data"]) == set(data["properties"]) == set(data["required"])


def test_every_enum_is_a_named_component(document):
    """From inline enums, generators would create one type per use.

    Sets of values that may grow are plain strings in responses, so that old clients accept new values.
    """
    schemas = document["components"]["schemas"]
    named = [tuple(schema["enum"]) for schema in schemas.values() if "enum" in schema]
    assert len(set(named)) == len(named) > 8
    assert json.dumps(document).count('"enum"') == len(named)
    assert "x-spec-enum-id" not in json.dumps(document)
    grows = [("MessageJson", "channel"), ("ConversationJson", "channel"), ("EventJson", "type")]
    assert [schemas[name]["properties"][field]["type"] for name, field in grows] == ["string"] * 3


def test_responses_allow_additional_fields_and_requests_do_not(document):
    """Generated Go clients refuse fields that a schema does not explicitly allow."""
    schemas = document["components"]["schemas"]
    closed = {name for name, schema in schemas.items() if schema.get("additionalProperties") is False}
    assert closed == {name for name in schemas if name.endswith("Request")} | {"Refusal"}
    assert all("additionalProperties" in schema for schema in schemas.values() if schema["type"] == "object")


def test_sent_objects_match_their_serializers(tenants, api_client):
    conversation = make_conversation(tenants.north)
    send_message(conversation, role=Message.Role.OPERATOR, body="Hi", channel=Channel.API, author=tenants.alice)
    for _ in range(2):
        create_lead(tenants.acme.pk, name="Maya", conversation=make_conversation(tenants.north))
    sent = {
        ConversationJson: api_client.get("/api/v1/conversations").json()["conversations"][0],
        VisitorJson: api_client.get("/api/v1/conversations").json()["conversations"][0]["visitor"],
        ThreadJson: api_client.get(f"/api/v1/conversations/{conversation.pk}").json()["conversation"]
        | {"olderCursor": ""},
        MessageJson: api_client.get(f"/api/v1/messages?conversationId={conversation.pk}").json()["messages"][1],
        LeadJson: api_client.get("/api/v1/leads").json()["leads"][0],
        ConversationList: api_client.get("/api/v1/conversations?limit=1").json(),
        LeadList: api_client.get("/api/v1/leads?limit=1").json(),
    }
    for shape, row in sent.items():
        assert list(shape().fields) == list(row), shape
    assert sent[MessageJson]["author"] == {"_id": str(tenants.alice.pk), "name": "Alice"}


def test_the_committed_copy_is_current(document):
    """Reviewers and generators read docs/openapi.json, which `make openapi` writes."""
    committed = json.loads(Path("docs/openapi.json").read_text())
    del document["servers"]
    assert committed == document, "run `make openapi` and commit docs/openapi.json"


@pytest.mark.slow
@pytest.mark.live
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scope", ["write", "read"])
def test_schemathesis_finds_no_violation(tenants, scope, tmp_path):
    """Send hundreds of generated requests, valid and invalid: no response is a 5xx, and each conforms to the document."""
    for _ in range(3):
        make_conversation(tenants.north)
        create_lead(tenants.acme.pk, name="Lead", brand=tenants.north)
    _, secret = create_key(tenants.acme, name="k", scope=scope)
    with Server(*WEB) as server:
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/api/v1/openapi.json"),
            *("--header", f"Authorization: Bearer {secret}", "--checks", "all", "--max-examples", "6"),
            *("--phases", "examples,coverage,fuzzing", "--generation-deterministic", "--no-color"),
            # A read key is refused even if the body is valid, and an unknown id is a 404.
            *("--exclude-checks", "positive_data_acceptance,missing_required_header,unsupported_method"),
        ]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert result.returncode == 0, result.stdout[-6000:]
    tried, passed = re.search(r"(\d+) generated, (\d+) passed", result.stdout).groups()
    assert int(tried) == int(passed) > 200
