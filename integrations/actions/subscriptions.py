"""Create, change, pause and delete webhook subscriptions, and rotate their secrets."""

from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.audit import Action, record
from accounts.models import Workspace
from brands.models import Brand
from integrations import sql
from integrations.models import EventName, WebhookSubscription
from integrations.webhooks.health import PausedBy, Status, reactivate
from integrations.webhooks.signature import new_secret
from praxtalk.core.db.encryption import decrypt, encrypt
from praxtalk.core.db.transactions import is_locked, joined_transaction, lock
from praxtalk.core.http.addresses import PermittedUrl

OLD_SECRET_LIFETIME = timedelta(hours=24)  # after its promotion
# Per workspace. Recording an event inserts a delivery for each webhook, in the transaction that stores a visitor's message.
MAX_WEBHOOKS = 100


class WebhookDeleted(LookupError):
    """Raised when the subscription no longer exists, because it was deleted concurrently."""


class TooManyWebhooks(ValueError):
    """Raised when the workspace already has MAX_WEBHOOKS subscriptions."""


class NotPaused(ValueError):
    """Raised when `holds_events` is given for a subscription that is not paused."""


class NothingToPromote(ValueError):
    """Raised when there is no new secret to promote."""


class OldSecretStillSigns(ValueError):
    """Raised when a secret is rotated while the previous one still signs.

    A third secret would replace one that receivers may still use.
    """


@joined_transaction()
def create_webhook(
    workspace: Workspace | UUID,
    *,
    url: PermittedUrl,
    events: list[EventName],
    brand: Brand | None = None,
    description: str = "",
) -> tuple[WebhookSubscription, str]:
    """Create an active subscription, which receives the events recorded from now on.

    Return it with its secret, for the caller to show once. Raises TooManyWebhooks.
    """
    workspace_id = workspace.pk if isinstance(workspace, Workspace) else workspace
    # Serialise creation per workspace: two concurrent calls would otherwise both count the same number.
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)
    if WebhookSubscription.objects.filter(workspace_id=workspace_id).count() >= MAX_WEBHOOKS:
        raise TooManyWebhooks(f"A workspace can have at most {MAX_WEBHOOKS} webhooks. Delete one first.")
    secret = new_secret()
    subscription = WebhookSubscription.objects.create(
        workspace_id=workspace_id,
        brand=brand,
        url=url,
        events=sorted(set(events)),
        description=description,
        encrypted_secret=encrypt(secret),
    )
    record(Action.WEBHOOK_CREATED, workspace_id=workspace_id, subject=url, events=subscription.events)
    return subscription, secret


@joined_transaction()
def change_webhook(
    webhook: WebhookSubscription,
    *,
    url: PermittedUrl | None = None,
    events: list[EventName] | None = None,
    description: str | None = None,
    status: WebhookSubscription.Status | None = None,
    holds_events: bool | None = None,
) -> None:
    """Change the given fields. A different URL is a new receiver, so it resets the recorded health.

    holds_events: whether events are kept while the subscription is paused. Pausing sets it to True unless it is given.
    Raises NotPaused if it is given and the subscription is not paused after the change. Raises WebhookDeleted.
    """
    webhook = lock_and_reload(webhook)
    if holds_events is not None and (status or webhook.status) != Status.PAUSED:
        raise NotPaused
    if webhook.is_active and status == Status.PAUSED and holds_events is None:
        holds_events = True
    given = {
        "url": url,
        "events": sorted(set(events)) if events is not None else None,
        "description": description,
        "holds_events": holds_events,
    }
    changes: dict[str, object] = {field: value for field, value in given.items() if value is not None}
    if url is not None and url != webhook.url:
        changes |= {"failing_since": None, "gone_since": None, "gone_responses": 0}
    if changes:
        _rows(webhook).update(**changes)
    if status == Status.PAUSED:
        _rows(webhook).exclude(paused_by=PausedBy.OWNER).update(
            status=Status.PAUSED, paused_by=PausedBy.OWNER, paused_at=timezone.now(), next_probe_at=None
        )
    elif status == Status.ACTIVE:
        reactivate(_rows(webhook))
    changed = changes | ({"status": status} if status else {})
    record(Action.WEBHOOK_CHANGED, workspace_id=webhook.workspace_id, subject=webhook, changed=sorted(changed))


@joined_transaction()
def delete_webhook(webhook: WebhookSubscription) -> None:
    """Delete the subscription with its deliveries.

    Its row is locked first, so the deletion waits for transactions that are recording an event for it. Raises WebhookDeleted.
    """
    if not is_locked(webhook) and lock_webhook_to_delete(webhook.workspace_id, webhook.pk) is None:
        raise WebhookDeleted
    with connection.cursor() as cursor:  # Django would load every delivery, to delete its attempts
        cursor.execute(sql.DELETE_ATTEMPTS, [webhook.pk])
        cursor.execute(sql.DELETE_DELIVERIES, [webhook.pk])
    webhook.delete()
    record(Action.WEBHOOK_DELETED, workspace_id=webhook.workspace_id, subject=webhook)


@joined_transaction()
def rotate_secret(webhook: WebhookSubscription) -> str:
    """Create a new secret and return it, for the caller to show once. It signs second until `promote_secret`.

    It replaces a new secret that is not promoted yet. Raises OldSecretStillSigns or WebhookDeleted.
    """
    webhook = lock_and_reload(webhook)
    if webhook.second_secret_ends_at and webhook.second_secret_ends_at > timezone.now():
        raise OldSecretStillSigns
    secret = new_secret()
    _rows(webhook).update(encrypted_second_secret=encrypt(secret), second_secret_ends_at=None)
    record(Action.WEBHOOK_SECRET_ROTATED, workspace_id=webhook.workspace_id, subject=webhook)
    return secret


@joined_transaction()
def promote_secret(webhook: WebhookSubscription) -> None:
    """Make the new secret sign first. The old one signs second for another 24 hours.

    Do nothing if the new secret is already promoted. Raises NothingToPromote or WebhookDeleted.
    """
    webhook = lock_and_reload(webhook)
    if len(webhook.secrets_at(timezone.now())) == 1:
        raise NothingToPromote
    if webhook.is_rotating:
        _rows(webhook).update(
            encrypted_secret=F("encrypted_second_secret"),
            encrypted_second_secret=F("encrypted_secret"),
            second_secret_ends_at=timezone.now() + OLD_SECRET_LIFETIME,
        )
        record(Action.WEBHOOK_SECRET_PROMOTED, workspace_id=webhook.workspace_id, subject=webhook)


@joined_transaction()
def retire_secret(webhook: WebhookSubscription) -> None:
    """Stop signing with the second secret: the old one after a promotion, or a new one that was not promoted."""
    second = _rows(webhook).exclude(encrypted_second_secret="")
    if second.update(encrypted_second_secret="", second_secret_ends_at=None):
        record(Action.WEBHOOK_SECRET_RETIRED, workspace_id=webhook.workspace_id, subject=webhook)


@joined_transaction()
def show_secrets(webhook: WebhookSubscription) -> list[str]:
    """Return the secrets that sign now, in signing order. The audit log records the call.

    Raises DecryptionError if a secret cannot be decrypted. Raises WebhookDeleted.
    """
    webhook = lock_and_reload(webhook)
    shown = [decrypt(encrypted) for encrypted in webhook.secrets_at(timezone.now())]
    record(Action.WEBHOOK_SECRET_REVEALED, workspace_id=webhook.workspace_id, subject=webhook)
    return shown


def purge_expired_secrets() -> int:
    """Delete the old secrets whose 24 hours are over. Return how many."""
    ended = WebhookSubscription.objects.filter(second_secret_ends_at__lte=timezone.now())
    return ended.update(encrypted_second_secret="", second_secret_ends_at=None)


def lock_webhook(workspace_id: UUID, webhook_id: UUID) -> WebhookSubscription | None:
    """Return the row, locked until the transaction ends, or None if there is none.

    Use it before an action of this module, which then does not read the row again.
    """
    return lock(WebhookSubscription.objects.filter(workspace_id=workspace_id, pk=webhook_id))


def lock_webhook_to_delete(workspace_id: UUID, webhook_id: UUID) -> WebhookSubscription | None:
    """Like `lock_webhook`, for `delete_webhook`.

    It also waits for transactions that are recording an event for the subscription.
    """
    return lock(WebhookSubscription.objects.filter(workspace_id=workspace_id, pk=webhook_id), no_key=False)


def lock_and_reload(webhook: WebhookSubscription) -> WebhookSubscription:
    """Return the current row, locked until the transaction ends.

    The row is not read again if this transaction has already locked it. Raises WebhookDeleted.
    """
    row = webhook if is_locked(webhook) else lock_webhook(webhook.workspace_id, webhook.pk)
    if row is None:
        raise WebhookDeleted
    return row


def _rows(webhook: WebhookSubscription) -> QuerySet[WebhookSubscription]:
    return WebhookSubscription.objects.filter(workspace_id=webhook.workspace_id, pk=webhook.pk)
