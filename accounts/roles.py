"""What each role may do in the dashboard. Which rows it does it to is the scope's to say (accounts.scope)."""

from enum import StrEnum

from django.db import models


class Role(models.TextChoices):
    OWNER = "owner"
    ADMIN = "admin"
    OPERATOR = "operator"


class Ability(StrEnum):
    """Something that not everybody may do."""

    ANSWER = "answer"  # conversations, leads, visitors, canned replies: the daily work
    BRANDS = "brands"  # how brands look and where they stand
    INTEGRATIONS = "integrations"  # API keys and webhooks
    ERASE = "erase"  # visitors and all that they wrote
    TEAM = "team"  # who works here, and what they may do
    AUDIT = "audit"  # who did what
    WORKSPACE = "workspace"  # its name, and all of its data in one file


ABILITIES = {
    Role.OPERATOR: {Ability.ANSWER},
    Role.ADMIN: set(Ability) - {Ability.WORKSPACE},
    Role.OWNER: set(Ability),
}
OF_THE_WHOLE_WORKSPACE = {Ability.TEAM, Ability.AUDIT, Ability.WORKSPACE}


def may(role: str, ability: Ability, *, sees_all_brands: bool) -> bool:
    """Whether somebody of this role may. Who is limited to some brands may do nothing that is about all of them."""
    return ability in ABILITIES[Role(role)] and (sees_all_brands or ability not in OF_THE_WHOLE_WORKSPACE)
