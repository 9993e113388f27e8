from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest

from accounts.actions import team
from accounts.dashboard import team as team_page
from accounts.middleware import current_operator
from accounts.models import Operator
from conversations.actions import assigned_to, change_operator


class OperatorForm(team_page.BaseOperatorForm):
    """Add a field for the colleague to whom conversations are reassigned if the operator can no longer access them."""

    successor = ModelChoiceField(
        Operator.objects.none(),
        required=False,
        label="Reassign conversations to",
        empty_label="Leave unassigned",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "successor" in self.fields:
            field: Any = self.fields["successor"]
            field.queryset = eligible_successors(self.instance)
            count = assigned_to(self.instance).count()
            are_assigned = "conversation is" if count == 1 else "conversations are"
            field.help_text = (
                f"{count:,} open or snoozed {are_assigned} assigned to {self.instance}. If you deactivate this operator or "
                "remove brands, these conversations are reassigned to the colleague you choose. Conversations of brands that the "
                "colleague cannot access become unassigned."
            )


class TeamAdmin(team_page.BaseTeamAdmin):
    """The team page, which also reassigns the conversations of an operator who loses access to them."""

    form = OperatorForm

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fields = super().get_fields(request, obj)
        can_change = obj is not None and obj.pk != request.user.pk and team.may_change(current_operator(request), obj)
        return (*fields, "successor") if can_change and assigned_to(obj).exists() else fields

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Operator:
        values.pop("successor", None)  # only for an operator who has conversations
        return super().create(request, values)

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> None:
        successor = values.pop("successor", None)
        if not values:
            return
        _, count = change_operator(row, by=current_operator(request), successor=successor, **values)
        if count:
            changed = f"{count:,} conversation was" if count == 1 else f"{count:,} conversations were"
            if successor:
                text = f"{changed} reassigned. Those in brands that {successor} cannot access are now unassigned."
            else:
                text = f"{changed} unassigned."
            messages.info(request, text)


def eligible_successors(operator: Operator) -> QuerySet[Operator, Operator]:
    """Return the active colleagues who see at least one of the brands of the operator's conversations."""
    brand_ids = assigned_to(operator).order_by().values("brand_id").distinct()
    colleagues = Operator.objects.filter(workspace_id=operator.workspace_id, is_active=True).exclude(pk=operator.pk)
    sees_brand = Q(sees_all_brands=True) | Q(brands__in=brand_ids)
    rows: QuerySet[Operator, Operator] = colleagues.filter(sees_brand).order_by("name", "pk").distinct()
    return rows
