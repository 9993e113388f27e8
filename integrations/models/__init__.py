"""Models of a workspace's integrations: API keys, events, webhook subscriptions and their deliveries."""

from integrations.models.api_keys import ApiKey
from integrations.models.deliveries import Attempt, Delivery, DeliveryCount, Replay
from integrations.models.events import Event, EventFeed, EventName, NextEventSequence
from integrations.models.subscriptions import MAX_DESCRIPTION_LENGTH, WebhookSubscription

__all__ = [
    "MAX_DESCRIPTION_LENGTH",
    "ApiKey",
    "Attempt",
    "Delivery",
    "DeliveryCount",
    "Event",
    "EventFeed",
    "EventName",
    "NextEventSequence",
    "Replay",
    "WebhookSubscription",
]
