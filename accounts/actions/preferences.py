"""An operator's preferences: notifications, keyboard shortcuts, and what the inbox does by itself."""

from accounts.models import Operator
from accounts.operator_tokens import operator_topic
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.live.topics import publish_on_commit

DEFAULTS = {
    "sound": True,  # for a message in an unassigned conversation or one of their own, an assignment or a mention
    "desktop": False,  # a desktop notification in the same cases
    "shortcuts": True,  # single-key shortcuts in the inbox
    "mentionMails": True,  # an e-mail about a mention or an assignment that they have not seen
    "enterSends": False,  # Enter sends, and Shift+Enter begins a line; otherwise Ctrl+Enter sends
    "assignOnReply": False,  # a reply in an unassigned conversation assigns it to the operator
    "nextAfterResolving": False,  # the inbox opens the next conversation after one has been resolved
}


def preferences_of(operator: Operator) -> dict[str, bool]:
    """Return all preferences of the operator, with the default for each one that is not set."""
    return {name: bool(operator.preferences.get(name, default)) for name, default in DEFAULTS.items()}


@joined_transaction()
def update_preferences(operator: Operator, **values: bool) -> dict[str, bool]:
    """Change some of the preferences in DEFAULTS. Return all of them."""
    operator = Operator.objects.select_for_update(no_key=True).get(workspace_id=operator.workspace_id, pk=operator.pk)
    operator.preferences |= values
    operator.save(update_fields=["preferences"])
    publish_on_commit(operator_topic(operator.pk))
    return preferences_of(operator)
