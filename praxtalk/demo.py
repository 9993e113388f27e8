"""The demo workspace Acme, which `make run` creates on its first run."""

import contextlib
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.actions.operator_tokens import issue_token
from accounts.models import Workspace
from brands.actions import create_brand, create_workspace
from conversations.actions import send_message, set_status, start_conversation
from conversations.models import Channel, Conversation, Message, Visitor
from integrations.actions.api_keys import create_key
from integrations.models import ApiKey
from leads.actions import create_lead, update_lead
from leads.models import Lead
from praxtalk.devservices.files import write_private

OWNER_EMAIL = "alice@acme.example"

# brand, visitor's name, visitor's message, operator's reply, status of the conversation
CONVERSATIONS = [
    ("north", "Maya Abebe", "Hi! Do you ship to Addis Ababa?", "Hello Maya, we do: about six days.", "open"),
    ("north", "Jonas Weber", "My order 1042 arrived without the cable.", None, "open"),
    ("north", "Li Na", "Is the blue one back in stock?", "Yes, since this morning.", "resolved"),
    ("south", "Carmen Ruiz", "Can I change the delivery address?", "Of course. Which one should it be?", "snoozed"),
    ("south", "Tom Baker", "Thanks, all solved!", "Glad to hear it.", "closed"),
    ("south", "Aïcha Diallo", "Do you have an invoice for last month?", None, "open"),
]


def demo_file() -> Path:
    """Return the path of the file with the login and the keys of the demo workspace."""
    return settings.DATA_DIR / "demo.json"


@dataclass(frozen=True)
class DemoShop:
    """The address of the demo shop, and the widget id of its brand, North."""

    url: str
    port: int
    widget_id: str


def demo_shop() -> DemoShop | None:
    """Return the demo shop, which `serve` runs on the port above its own.

    Returns None without a demo workspace, and behind another reverse proxy, where browsers cannot reach that port.
    """
    base = urlsplit(settings.BASE_URL)
    if base.scheme == "http" and base.port == settings.PORT:
        with contextlib.suppress(OSError, ValueError, KeyError):
            widget_id = json.loads(demo_file().read_text())["widgetIds"]["north"]
            port = settings.PORT + 1
            return DemoShop(f"http://{base.netloc.rpartition(':')[0]}:{port}/", port, widget_id)
    return None


def redirect_to_demo_shop(request: HttpRequest) -> HttpResponse:
    """Redirect /demo to the shop, which has its own origin, as every site that embeds the widget."""
    shop = demo_shop()
    if shop is None:
        raise Http404
    return redirect(shop.url)


@transaction.atomic
def create_demo() -> dict[str, object] | None:
    """Create the demo workspace, write `demo.json` (mode 0600) and return its content.

    Returns None and changes nothing if any workspace exists.
    """
    if Workspace.objects.exists():
        return None
    password = secrets.token_urlsafe(12)
    workspace = create_workspace(
        name="Acme", brand_name="North", owner_email=OWNER_EMAIL, owner_name="Alice", password=password, is_demo=True
    )
    create_brand(workspace, name="South", primary_color="#c2410c")
    _create_conversations(workspace)
    _, write_secret = create_key(workspace, name="Demo CRM", scope=ApiKey.Scope.WRITE)
    _, read_secret = create_key(workspace, name="Demo reports", scope=ApiKey.Scope.READ)
    demo: dict[str, object] = {
        "baseUrl": settings.BASE_URL,
        "email": OWNER_EMAIL,
        "password": password,
        "writeKey": write_secret,
        "readKey": read_secret,
        "operatorToken": issue_token(workspace.operators.get())[0],
        "widgetIds": {brand.slug: brand.widget_id for brand in workspace.brands.order_by("created_at")},
    }
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    write_private(demo_file(), json.dumps(demo, indent=2) + "\n")
    return demo


def _create_conversations(workspace: Workspace) -> None:
    brands = {brand.slug: brand for brand in workspace.brands.all()}
    owner = workspace.operators.get()
    for slug, name, message, reply, status in CONVERSATIONS:
        email = name.split()[0].lower().replace("ï", "i") + "@example.com"
        visitor = Visitor.objects.create(workspace=workspace, brand=brands[slug], name=name, email=email)
        conversation = start_conversation(visitor, body=message, channel=Channel.WIDGET)
        if reply:
            send_message(conversation, role=Message.Role.OPERATOR, body=reply, channel=Channel.DASHBOARD, author=owner)
        set_status(conversation, status=Conversation.Status(status))
        lead = create_lead(workspace.pk, name=name, email=email, conversation=conversation)
        if reply:
            update_lead(lead, status=Lead.Status.CONTACTED)
