"""Create the workspaces and brands that the writers change, and the subscriptions with their receivers."""

from dataclasses import dataclass
from typing import Any

from accounts.models import Workspace
from bench.faults import receiver_faults, times
from bench.faults.receivers import Behaviour, Receiver, ReceiverPool
from brands.actions import create_brand
from integrations.actions.subscriptions import change_webhook, create_webhook
from integrations.models import EventName, WebhookSubscription
from praxtalk.core.http.addresses import PermittedUrl

EVERYTHING = tuple(EventName)
STATUSES = (EventName.CONVERSATION_STATUS_CHANGED, EventName.LEAD_STATUS_CHANGED)


@dataclass(frozen=True)
class Part:
    """A brand and the receiver of its events.

    weight: the brand's share of the changes. rare: if not 0, the brand has this number of changes, all at the start.
    """

    name: str
    behaviour: Behaviour
    weight: int = 0
    rare: int = 0
    events: tuple[EventName, ...] = EVERYTHING


@dataclass(frozen=True)
class Environment:
    """The environment of a run."""

    receivers: ReceiverPool
    subscriptions: dict[str, WebhookSubscription]  # by name of the receiver
    brands_to_change: list[dict[str, Any]]  # the brands that the writers change

    def pause(self, is_paused: bool) -> None:
        status = WebhookSubscription.Status.PAUSED if is_paused else WebhookSubscription.Status.ACTIVE
        change_webhook(self.subscriptions["paused"], status=status)


def parts(receivers: ReceiverPool, rare: int) -> list[Part]:
    """Return a part for each kind of receiver.

    Receivers that make every attempt last until the deadline get few events, because only two at a time are sent to them.
    """
    return [
        Part("steady", receiver_faults.steady, weight=30),
        Part("flaky", receiver_faults.flaky, weight=10),
        Part("slow", receiver_faults.slow, weight=8),
        Part("hanging", receiver_faults.hanging, rare=rare),
        Part("hanging too", receiver_faults.hanging, rare=rare),
        Part("dripping", receiver_faults.dripping, rare=rare * 2),
        Part("huge", receiver_faults.huge, weight=5),
        Part("resetting", receiver_faults.resetting, weight=8),
        Part("redirecting", receiver_faults.redirecting(lambda: receivers.trap_port), weight=1),
        Part("broken", receiver_faults.broken, weight=2),
        Part("away", receiver_faults.steady, weight=9),
        Part("rebinding", receiver_faults.steady, weight=5),
        Part("busy", receiver_faults.busy, weight=5),
        Part("garbled", receiver_faults.garbled, weight=3),
        Part("paused", receiver_faults.steady, weight=6),
        Part("leads only", receiver_faults.steady, weight=4, events=(EventName.LEAD_CREATED,)),
    ]


def create_environment(rare: int) -> Environment:
    """Create the database rows and the receivers, which get their ports only in `ReceiverPool.open`."""
    receivers = ReceiverPool([])
    acme_parts = parts(receivers, rare)
    globex_part = Part("other workspace", receiver_faults.steady, weight=4)
    part_without_brand = Part("statuses of all", receiver_faults.steady, events=STATUSES)
    for part in (*acme_parts, globex_part, part_without_brand):
        receivers.receivers[part.name] = Receiver(part.name, part.behaviour)
    acme, globex = Workspace.objects.create(name="Acme"), Workspace.objects.create(name="Globex")
    environment = Environment(receivers, {}, [])
    for workspace, part in [*((acme, part) for part in acme_parts), (globex, globex_part)]:
        brand = create_brand(workspace, name=part.name)
        brand_plan = {"workspace": str(workspace.pk), "brand": str(brand.pk), "weight": part.weight, "rare": part.rare}
        environment.brands_to_change.append(brand_plan)
    return environment


def subscribe(environment: Environment) -> None:
    """Create a subscription for each receiver. The receivers must be listening already."""
    receivers = environment.receivers
    from brands.models import Brand

    brands = {str(brand.pk): brand for brand in Brand.objects.all()}
    by_name = {
        brands[brand_plan["brand"]].name: brands[brand_plan["brand"]] for brand_plan in environment.brands_to_change
    }
    events = {part.name: part.events for part in parts(receivers, 0)} | {"statuses of all": STATUSES}
    acme = by_name["steady"].workspace_id
    for name, receiver in receivers.receivers.items():
        host = times.REBINDING_HOST if name == "rebinding" else times.RECEIVER_ADDRESS
        brand = by_name.get(name)
        environment.subscriptions[name], receiver.secret = create_webhook(
            brand.workspace_id if brand else acme,
            url=PermittedUrl(f"http://{host}:{receiver.port}/hook"),
            events=list(events.get(name, EVERYTHING)),
            brand=brand,
        )
