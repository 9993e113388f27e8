"""Telling the owners by e-mail that a webhook has paused itself."""

import smtplib

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import timezone

from brands.models import Operator
from integrations.models import WebhookSubscription
from integrations.webhooks.health import FAILING_FOR, PausedBy

TOLD_AT_ONCE = 50

log = structlog.get_logger("praxtalk.webhooks")


def tell_owners() -> int:
    """Send what is owed, one e-mail for each webhook; what cannot be sent now is tried again. How many were sent."""
    paused = WebhookSubscription.objects.filter(
        paused_by__in=[PausedBy.FAILING, PausedBy.GONE], owners_told_at__isnull=True
    )
    return sum(_tell(webhook) for webhook in paused.select_related("workspace")[:TOLD_AT_ONCE])


def _tell(webhook: WebhookSubscription) -> bool:
    text = render_to_string(
        "integrations/webhook_paused.txt",
        {
            "webhook": webhook,
            "is_gone": webhook.paused_by == PausedBy.GONE,
            "failing_days": FAILING_FOR.days,
            "base_url": settings.BASE_URL,
        },
    )
    try:
        if owners := _owners(webhook):
            send_mail(f"Webhook paused: {webhook.url[:100]}", text, settings.DEFAULT_FROM_EMAIL, owners)
    except (OSError, smtplib.SMTPException) as error:
        log.warning("an e-mail could not be sent; trying again", webhook=str(webhook.pk), error=type(error).__name__)
        return False
    rows = WebhookSubscription.objects.filter(pk=webhook.pk, paused_at=webhook.paused_at)
    return bool(rows.update(owners_told_at=timezone.now()))


def _owners(webhook: WebhookSubscription) -> list[str]:
    in_charge = Operator.objects.filter(
        workspace_id=webhook.workspace_id, is_active=True, role__in=[Operator.Role.OWNER, Operator.Role.ADMIN]
    )
    may_see = [each for each in in_charge.prefetch_related("brands") if _sees(each, webhook)]
    return sorted(each.email for each in may_see)


def _sees(operator: Operator, webhook: WebhookSubscription) -> bool:
    return operator.sees_all_brands or webhook.brand_id in {brand.pk for brand in operator.brands.all()}
