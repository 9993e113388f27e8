"""The setup steps that the overview shows to owners and admins, in the order in which they need them."""

from typing import Any

from django.conf import settings
from django.db.models import Q
from django.urls import reverse

from accounts.models import Operator
from accounts.roles import Ability
from accounts.scope import Scope
from brands.models import Brand
from conversations.models import Conversation
from integrations.models import ApiKey, WebhookSubscription

STEPS_UNTIL_MESSAGES = 3  # the first steps, after which visitors can write


def setup_steps(operator: Operator, scope: Scope) -> list[dict[str, Any]] | None:
    """Return the setup steps from an empty workspace to a verified webhook: `title`, `text`, `url`, `is_done`, `is_next`.

    None if all are done, or if the operator may not do them.
    """
    if not (operator.may(Ability.BRANDS) and operator.may(Ability.INTEGRATIONS)):
        return None
    steps = [*_widget_steps(scope), *_workspace_steps(operator, scope), *_integration_steps(scope)]
    if all(is_done for *_, is_done in steps):
        return None
    next_step = next(index for index, (*_, is_done) in enumerate(steps) if not is_done)
    return [
        {"title": title, "text": text, "url": url, "is_done": is_done, "is_next": index == next_step}
        for index, (title, text, url, is_done) in enumerate(steps)
    ]


def can_visitors_write(steps: list[dict[str, Any]] | None) -> bool:
    """Return whether the steps that visitors need are done."""
    return all(step["is_done"] for step in (steps or [])[:STEPS_UNTIL_MESSAGES])


Step = tuple[str, str, str, bool]  # title, text, URL, whether it is done


def _widget_steps(scope: Scope) -> list[Step]:
    brands = scope.rows(Brand.objects.all(), brand_field="pk")
    url = reverse("admin:brands_brand_changelist")
    return [
        ("Create a brand", "Visitors see its name and colour in the widget.", url, brands.exists()),
        (
            "Add the snippet to your site",
            "Copy it from the brand's card. This step is complete once a page of your site has loaded the widget.",
            url,
            brands.filter(widget_seen_at__isnull=False).exists(),
        ),
        (
            "Send the first message",
            "Open your site, click the chat button and send a message as a visitor.",
            url,
            scope.rows(Conversation.objects.all()).exists(),
        ),
        (
            "Set your business hours",
            "Outside of them, the widget says when you are back. They are in the settings of the brand.",
            url,
            brands.exclude(business_hours={}).exists(),
        ),
    ]


def _workspace_steps(operator: Operator, scope: Scope) -> list[Step]:
    steps: list[Step] = []
    if operator.may(Ability.TEAM):
        colleagues = Operator.objects.filter(workspace_id=scope.workspace_id).exclude(pk=operator.pk)
        url = reverse("admin:accounts_operator_add")
        steps.append(("Invite your team", "Colleagues answer in the same inbox.", url, colleagues.exists()))
    if operator.may(Ability.WORKSPACE) and not operator.workspace.is_demo:
        text = "PraxTalk sends invitations, and replies to visitors who have left."
        steps.append(("Set up e-mail", text, reverse("email_settings"), settings.EMAIL_IS_CONFIGURED))
    return steps


def _integration_steps(scope: Scope) -> list[Step]:
    webhooks = scope.rows(WebhookSubscription.objects.all())
    verified = webhooks.filter(Q(verified_at__isnull=False) | Q(counts__deliveries_succeeded__gt=0))
    return [
        (
            "Create an API key",
            "Your CRM's server authenticates with it. The key is shown only once.",
            reverse("keys"),
            scope.rows(ApiKey.objects.filter(revoked_at__isnull=True)).exists(),
        ),
        (
            "Add a webhook and send a test event",
            "Webhooks notify your CRM of new messages and leads immediately.",
            reverse("webhooks"),
            verified.exists(),
        ),
    ]
