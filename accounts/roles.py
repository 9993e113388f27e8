"""What each role may do in the dashboard. `accounts.scope` determines to which rows this applies."""

from enum import StrEnum

from django.db import models


class Role(models.TextChoices):
    OWNER = "owner"
    ADMIN = "admin"
    OPERATOR = "operator"


class Ability(StrEnum):
    """A permission in the dashboard."""

    ANSWER = "answer"  # reply to visitors: conversations, leads, visitors, canned replies
    BRANDS = "brands"  # create brands and configure their widgets
    INTEGRATIONS = "integrations"  # manage API keys and webhooks
    ERASE = "erase"  # delete visitors and everything that they wrote
    TEAM = "team"  # manage operators, their roles and their access
    AUDIT = "audit"  # read the audit log
    WORKSPACE = "workspace"  # rename the workspace and export all of its data


ABILITIES = {
    Role.OPERATOR: {Ability.ANSWER},
    Role.ADMIN: set(Ability) - {Ability.WORKSPACE},
    Role.OWNER: set(Ability),
}
WORKSPACE_WIDE_ABILITIES = {Ability.TEAM, Ability.AUDIT, Ability.WORKSPACE}


def may(role: str, ability: Ability, *, sees_all_brands: bool) -> bool:
    """Return whether this role has the ability.

    Operators who are limited to some brands have no ability that concerns the whole workspace.
    """
    return ability in ABILITIES[Role(role)] and (sees_all_brands or ability not in WORKSPACE_WIDE_ABILITIES)
