"""What an owner can do with a webhook subscription: create, change, pause, delete it, and rotate its secret."""

from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.audit import Action, record
from accounts.models import Workspace
from brands.models import Brand
from integrations.models import Attempt, Delivery, EventName, WebhookSubscription
from integrations.webhooks.health import PausedBy, Status, open_again
from integrations.webhooks.signature import new_secret
from praxtalk.core.db.encryption import decrypt, encrypt
from praxtalk.core.db.transactions import is_locked, joined_transaction, lock
from praxtalk.core.http.addresses import PermittedUrl

OLD_SECRET_SIGNS_FOR = timedelta(hours=24)  # after Promote
MAX_WEBHOOKS = 100  # of a workspace: each event is written once for each, in the transaction of a visitor's message

DELETE_ATTEMPTS = f"""
    DELETE FROM {Attempt._meta.db_table} AS attempt USING {Delivery._meta.db_table} AS delivery
    WHERE attempt.delivery_id = delivery.id AND delivery.subscription_id = %s
"""  # noqa: S608 - tables' names
DELETE_DELIVERIES = f"DELETE FROM {Delivery._meta.db_table} WHERE subscription_id = %s"  # noqa: S608 - a table's name


class WebhookDeleted(LookupError):
    """Somebody else has deleted it meanwhile."""


class TooManyWebhooks(ValueError):
    """The workspace has MAX_WEBHOOKS already."""


class NotPaused(ValueError):
    """What becomes of events during a pause was said, and there is none."""


class NothingToPromote(ValueError):
    """No new secret waits for its promotion."""


class OldSecretStillSigns(ValueError):
    """A rotation was promoted lately; a third secret would put out one that receivers may still use."""


@joined_transaction()
def create_webhook(
    workspace: Workspace | UUID,
    *,
    url: PermittedUrl,
    events: list[EventName],
    brand: Brand | None = None,
    description: str = "",
) -> tuple[WebhookSubscription, str]:
    """A new active subscription and its secret, shown this once. It gets what happens from now on. Raises TooManyWebhooks."""
    workspace_id = workspace.pk if isinstance(workspace, Workspace) else workspace
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)  # one at a time, or two would count the same
    if WebhookSubscription.objects.filter(workspace_id=workspace_id).count() >= MAX_WEBHOOKS:
        raise TooManyWebhooks(f"A workspace has at most {MAX_WEBHOOKS} webhooks: delete one first.")
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
    """Change what is given. Another URL is a new receiver: what was known of the old one's health is forgotten.

    holds_events: while paused; each pause begins with True unless told. Raises NotPaused.
    """
    webhook = locked(webhook)
    if holds_events is not None and (status or webhook.status) != Status.PAUSED:
        raise NotPaused
    if webhook.is_active and status == Status.PAUSED and holds_events is None:
        holds_events = True
    wanted = {
        "url": url,
        "events": sorted(set(events)) if events is not None else None,
        "description": description,
        "holds_events": holds_events,
    }
    changes: dict[str, object] = {field: value for field, value in wanted.items() if value is not None}
    if url is not None and url != webhook.url:
        changes |= {"failing_since": None, "gone_since": None, "gone_answers": 0}
    if changes:
        _rows(webhook).update(**changes)
    if status == Status.PAUSED:
        _rows(webhook).exclude(paused_by=PausedBy.OWNER).update(
            status=Status.PAUSED, paused_by=PausedBy.OWNER, paused_at=timezone.now(), next_probe_at=None
        )
    elif status == Status.ACTIVE:
        open_again(_rows(webhook))
    told = changes | ({"status": status} if status else {})
    record(Action.WEBHOOK_CHANGED, workspace_id=webhook.workspace_id, subject=webhook, changed=sorted(told))


@joined_transaction()
def delete_webhook(webhook: WebhookSubscription) -> None:
    """End it, with its deliveries. Its row is locked first: whoever records an event for it at this moment comes before."""
    if not is_locked(webhook) and lock_webhook_to_delete(webhook.workspace_id, webhook.pk) is None:
        raise WebhookDeleted
    with connection.cursor() as cursor:  # Django would load them all, to delete what hangs on each
        cursor.execute(DELETE_ATTEMPTS, [webhook.pk])
        cursor.execute(DELETE_DELIVERIES, [webhook.pk])
    webhook.delete()
    record(Action.WEBHOOK_DELETED, workspace_id=webhook.workspace_id, subject=webhook)


@joined_transaction()
def rotate_secret(webhook: WebhookSubscription) -> str:
    """A new secret, shown this once; it signs second until `promote_secret`. One that waits already is replaced.

    Raises OldSecretStillSigns.
    """
    webhook = locked(webhook)
    if webhook.second_secret_ends_at and webhook.second_secret_ends_at > timezone.now():
        raise OldSecretStillSigns
    secret = new_secret()
    _rows(webhook).update(encrypted_second_secret=encrypt(secret), second_secret_ends_at=None)
    record(Action.WEBHOOK_SECRET_ROTATED, workspace_id=webhook.workspace_id, subject=webhook)
    return secret


@joined_transaction()
def promote_secret(webhook: WebhookSubscription) -> None:
    """The new secret signs first; the old one second, for another day. Again: nothing more. Raises NothingToPromote."""
    webhook = locked(webhook)
    if len(webhook.secrets_at(timezone.now())) == 1:
        raise NothingToPromote
    if webhook.is_rotating:
        _rows(webhook).update(
            encrypted_secret=F("encrypted_second_secret"),
            encrypted_second_secret=F("encrypted_secret"),
            second_secret_ends_at=timezone.now() + OLD_SECRET_SIGNS_FOR,
        )
        record(Action.WEBHOOK_SECRET_PROMOTED, workspace_id=webhook.workspace_id, subject=webhook)


@joined_transaction()
def retire_secret(webhook: WebhookSubscription) -> None:
    """The second secret signs no more: the old one after Promote, or a new one that was not wanted after all."""
    second = _rows(webhook).exclude(encrypted_second_secret="")
    if second.update(encrypted_second_secret="", second_secret_ends_at=None):
        record(Action.WEBHOOK_SECRET_RETIRED, workspace_id=webhook.workspace_id, subject=webhook)


@joined_transaction()
def show_secrets(webhook: WebhookSubscription) -> list[str]:
    """The secrets that sign now, the first first. Raises Unreadable."""
    webhook = locked(webhook)
    shown = [decrypt(encrypted) for encrypted in webhook.secrets_at(timezone.now())]
    record(Action.WEBHOOK_SECRET_SHOWN, workspace_id=webhook.workspace_id, subject=webhook)
    return shown


def forget_ended_secrets() -> int:
    """Delete the old secrets whose day is over; returns how many."""
    ended = WebhookSubscription.objects.filter(second_secret_ends_at__lte=timezone.now())
    return ended.update(encrypted_second_secret="", second_secret_ends_at=None)


def lock_webhook(workspace_id: UUID, webhook_id: UUID) -> WebhookSubscription | None:
    """The row, locked until this transaction ends: for a caller whose next step is an action."""
    return lock(WebhookSubscription.objects.filter(workspace_id=workspace_id, pk=webhook_id))


def lock_webhook_to_delete(workspace_id: UUID, webhook_id: UUID) -> WebhookSubscription | None:
    """The same for `delete_webhook`: waits for those who record an event for it, which `lock_webhook` does not."""
    return lock(WebhookSubscription.objects.filter(workspace_id=workspace_id, pk=webhook_id), no_key=False)


def locked(webhook: WebhookSubscription) -> WebhookSubscription:
    """The row as it is now, locked until this transaction ends. Not read again if it was locked before. Raises WebhookDeleted."""
    row = webhook if is_locked(webhook) else lock_webhook(webhook.workspace_id, webhook.pk)
    if row is None:
        raise WebhookDeleted
    return row


def _rows(webhook: WebhookSubscription) -> QuerySet[WebhookSubscription]:
    return WebhookSubscription.objects.filter(workspace_id=webhook.workspace_id, pk=webhook.pk)
