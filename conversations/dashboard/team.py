from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.forms import Form, ModelChoiceField
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.actions import team
from accounts.dashboard import team as team_page
from accounts.middleware import current_operator
from accounts.models import Operator
from conversations.actions import assigned_to, change_operator, deactivate_operators
from conversations.models import Conversation


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
    actions = ("deactivate",)

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
        _report_reassigned(request, count, successor)

    @admin.action(description="Deactivate", permissions=("change",))
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask who gets the conversations of the selected operators, then deactivate all of them, or none."""
        by, operators = current_operator(request), list(queryset.filter(is_active=True))
        if not operators:
            messages.info(request, "None of the selected operators is active.")
            return None
        form = DeactivationForm(operators, request.POST if "confirmed" in request.POST else None)
        if form.is_valid():
            successor = form.cleaned_data["successor"]
            try:
                number, count = deactivate_operators(operators, by=by, successor=successor)
            except ValidationError as error:
                messages.error(request, f"Nobody was deactivated. {' '.join(error.messages)}")
                return None
            messages.success(request, f"{number} operator{'s' * (number != 1)} deactivated.")
            _report_reassigned(request, count, successor)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Deactivate operators",
            "form": form,
            "operators": operators,
            "checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "conversations/deactivate_operators.html", context)


class DeactivationForm(Form):
    """Ask who gets the conversations of several operators."""

    successor: Any = ModelChoiceField(
        Operator.objects.none(),
        required=False,
        label="Reassign conversations to",
        empty_label="Leave unassigned",
    )

    def __init__(self, operators: list[Operator], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["successor"]
        field.queryset = eligible_successors(*operators)
        count = conversations_of(*operators).count()
        are_assigned = "conversation is" if count == 1 else "conversations are"
        whom = "this operator" if len(operators) == 1 else "these operators"
        field.help_text = (
            f"{count:,} open or snoozed {are_assigned} assigned to {whom}. Conversations of brands that the colleague cannot "
            "access become unassigned."
        )


def _report_reassigned(request: HttpRequest, count: int, successor: Operator | None) -> None:
    if not count:
        return
    changed = f"{count:,} conversation was" if count == 1 else f"{count:,} conversations were"
    if successor:
        text = f"{changed} reassigned. Those in brands that {successor} cannot access are now unassigned."
    else:
        text = f"{changed} unassigned."
    messages.info(request, text)


def conversations_of(*operators: Operator) -> QuerySet[Conversation, Conversation]:
    """Return the open and snoozed conversations that are assigned to any of the operators, who are of one workspace."""
    rows = assigned_to(operators[0])
    for operator in operators[1:]:
        rows |= assigned_to(operator)
    return rows


def eligible_successors(*operators: Operator) -> QuerySet[Operator, Operator]:
    """Return the active colleagues who see at least one of the brands of the operators' conversations."""
    brand_ids = conversations_of(*operators).order_by().values("brand_id").distinct()
    colleagues = Operator.objects.filter(workspace_id=operators[0].workspace_id, is_active=True)
    colleagues = colleagues.exclude(pk__in=[operator.pk for operator in operators])
    sees_brand = Q(sees_all_brands=True) | Q(brands__in=brand_ids)
    rows: QuerySet[Operator, Operator] = colleagues.filter(sees_brand).order_by("name", "pk").distinct()
    return rows
