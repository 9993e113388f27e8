"""Creating a webhook subscription."""

from django.db import transaction

from brands.models import Brand, Workspace
from integrations.models import EventName, WebhookSubscription
from integrations.webhooks.addresses import check_url
from integrations.webhooks.secrets import encrypt, new_secret


def create_webhook(
    workspace: Workspace, *, url: str, events: list[EventName], brand: Brand | None = None, description: str = ""
) -> tuple[WebhookSubscription, str]:
    """A new active subscription and its secret. Raises ForbiddenUrl."""
    check_url(url)  # asks the resolver, so before the transaction
    secret = new_secret()
    with transaction.atomic():
        subscription = WebhookSubscription.objects.create(
            workspace=workspace,
            brand=brand,
            url=url,
            events=sorted(set(events)),
            description=description,
            encrypted_secret=encrypt(secret),
        )
    return subscription, secret
