"""A banner for owners and admins where e-mail matters."""

from typing import Any

from django import template
from django.conf import settings

from accounts.roles import Ability

register = template.Library()


@register.inclusion_tag("accounts/email_banner.html")
def email_banner(operator: Any) -> dict[str, Any]:
    """Say that no e-mail is sent: in the demo workspace, and where no mail server is configured."""
    is_shown = operator.may(Ability.TEAM) or operator.may(Ability.BRANDS)
    is_demo = operator.workspace.is_demo
    return {
        "is_shown": is_shown and (is_demo or not settings.EMAIL_IS_CONFIGURED),
        "is_demo": is_demo,
        "may_configure": operator.may(Ability.WORKSPACE),
    }
