"""How an operator wants to be told of things, and to work."""

from accounts.models import Operator
from accounts.operator_tokens import operator_topic
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.live.topics import publish_on_commit

DEFAULTS = {
    "sound": True,  # when a visitor writes to me, or to nobody
    "desktop": False,  # the same, as a notification of the system
    "shortcuts": True,  # single keys in the inbox
    "mentionMails": True,  # an e-mail for a mention or an assignment that I have not seen
}


def preferences_of(operator: Operator) -> dict[str, bool]:
    """All of them, with the default where the operator has said nothing."""
    return {name: bool(operator.preferences.get(name, default)) for name, default in DEFAULTS.items()}


@joined_transaction()
def update_preferences(operator: Operator, **values: bool) -> dict[str, bool]:
    """Change some of DEFAULTS."""
    operator = Operator.objects.select_for_update(no_key=True).get(workspace_id=operator.workspace_id, pk=operator.pk)
    operator.preferences |= values
    operator.save(update_fields=["preferences"])
    publish_on_commit(operator_topic(operator.pk))
    return preferences_of(operator)
