from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest

from accounts.actions import team
from accounts.dashboard import team as team_page
from accounts.middleware import current_operator
from accounts.models import Operator
from conversations.actions import change_operator, held_by


class OperatorForm(team_page.OperatorForm):
    """Add a field for the colleague who gets the conversations that the operator can no longer answer."""

    successor = ModelChoiceField(
        Operator.objects.none(),
        required=False,
        label="Hand conversations over to",
        empty_label="Nobody: they become unassigned",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "successor" in self.fields:
            field: Any = self.fields["successor"]
            field.queryset = successors_of(self.instance)
            count = held_by(self.instance).count()
            are_assigned = "conversation is" if count == 1 else "conversations are"
            field.help_text = (
                f"{count:,} open or snoozed {are_assigned} assigned to {self.instance}. If you deactivate this operator or "
                "remove brands, the colleague whom you choose gets the conversations of the brands that they see. The others "
                "become unassigned."
            )


class TeamAdmin(team_page.TeamAdmin):
    """The team page, which also hands over the conversations of an operator who is changed."""

    form = OperatorForm

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fields = super().get_fields(request, obj)
        is_open = obj is not None and obj.pk != request.user.pk and team.may_change(current_operator(request), obj)
        return (*fields, "successor") if is_open and held_by(obj).exists() else fields

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Operator:
        values.pop("successor", None)  # only for an operator who has conversations
        return super().create(request, values)

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> None:
        successor = values.pop("successor", None)
        if not values:
            return
        _, count = change_operator(row, by=current_operator(request), successor=successor, **values)
        if count:
            taken = f"assigned to {successor}, as far as they see the brands" if successor else "unassigned now"
            messages.info(request, f"{count:,} conversation{'s are' if count != 1 else ' is'} {taken}.")


def successors_of(operator: Operator) -> QuerySet[Operator, Operator]:
    """Return the active colleagues who see at least one of the brands of the operator's conversations."""
    brand_ids = held_by(operator).order_by().values("brand_id").distinct()
    colleagues = Operator.objects.filter(workspace_id=operator.workspace_id, is_active=True).exclude(pk=operator.pk)
    sees = Q(sees_all_brands=True) | Q(brands__in=brand_ids)
    rows: QuerySet[Operator, Operator] = colleagues.filter(sees).order_by("name", "pk").distinct()
    return rows
