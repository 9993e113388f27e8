"""Notify the owners and admins of a workspace by e-mail that a webhook was paused automatically."""

from functools import partial

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.mail import MailRun, Outcome, retry_delay
from accounts.models import MailFailure, Operator
from integrations.models import WebhookSubscription
from integrations.webhooks.health import FAILING_FOR, PausedBy


def notify_owners() -> int:
    """Send the e-mails that are due, one for each webhook. Return how many were sent.

    accounts/mail.py describes when a failed e-mail is retried.
    """
    run = MailRun(MailFailure.Kind.WEBHOOK)
    while run.should_continue and (webhook := _claim_due()):
        owners = _owners(webhook)
        if owners:
            outcome = run.send(
                partial(_email, webhook, owners),
                tries=webhook.owner_mail_attempts,
                workspace_id=webhook.workspace_id,
                brand_id=webhook.brand_id,
                row=webhook.pk,
            )
            if outcome == Outcome.RETRY:
                continue
        rows = WebhookSubscription.objects.filter(pk=webhook.pk, paused_at=webhook.paused_at)
        rows.update(owners_notified_at=timezone.now())
    return run.sent


def _claim_due() -> WebhookSubscription | None:
    """Return a webhook whose e-mail is due, or None if there is none.

    This counts the attempt, and postpones the next one by `retry_delay`.
    """
    now = timezone.now()
    is_due = Q(owner_mail_due_at__isnull=True) | Q(owner_mail_due_at__lte=now)
    with transaction.atomic():
        rows = WebhookSubscription.objects.filter(
            is_due, paused_by__in=[PausedBy.FAILING, PausedBy.GONE], owners_notified_at__isnull=True
        )
        rows = rows.select_related("workspace").order_by("paused_at")
        webhook = rows.select_for_update(of=("self",), no_key=True, skip_locked=True).first()
        if webhook:
            webhook.owner_mail_attempts += 1
            webhook.owner_mail_due_at = now + retry_delay(webhook.owner_mail_attempts)
            webhook.save(update_fields=["owner_mail_attempts", "owner_mail_due_at"])
        return webhook


def _email(webhook: WebhookSubscription, owners: list[str]) -> EmailMessage:
    text = render_to_string(
        "integrations/webhook_paused.txt",
        {
            "webhook": webhook,
            "is_gone": webhook.paused_by == PausedBy.GONE,
            "failing_days": FAILING_FOR.days,
            "base_url": settings.BASE_URL,
        },
    )
    return EmailMessage(f"Webhook paused: {webhook.url[:100]}", text, to=owners)


def _owners(webhook: WebhookSubscription) -> list[str]:
    managers = Operator.objects.filter(
        workspace_id=webhook.workspace_id, is_active=True, role__in=[Operator.Role.OWNER, Operator.Role.ADMIN]
    )
    recipients = [each for each in managers.prefetch_related("brands") if _can_see(each, webhook)]
    return sorted(each.email for each in recipients)


def _can_see(operator: Operator, webhook: WebhookSubscription) -> bool:
    return operator.sees_all_brands or webhook.brand_id in {brand.pk for brand in operator.brands.all()}
