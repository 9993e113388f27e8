"""Change an operator's password."""

from accounts.actions.operator_tokens import revoke_dashboard_tokens
from accounts.audit import Action, record
from accounts.models import Operator
from praxtalk.core.db.transactions import joined_transaction


def change_password(operator: Operator, *, password: str, by_link: bool = False) -> None:
    """Set the password, and revoke the tokens of the operator's open pages.

    by_link: whether the operator used a link from an e-mail. Then nobody is signed in, and the operator is the actor.
    """
    operator.set_password(password)  # hashing is slow: do it before the transaction
    _store_password(operator, by_link=by_link)


@joined_transaction()
def _store_password(operator: Operator, *, by_link: bool) -> None:
    operator.save(update_fields=["password"])
    if by_link:
        record(Action.PASSWORD_CHANGED, workspace_id=operator.workspace_id, by=operator, way="link")
    else:
        record(Action.PASSWORD_CHANGED, workspace_id=operator.workspace_id, subject=operator)
    revoke_dashboard_tokens(operator)
