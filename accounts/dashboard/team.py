from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import CheckboxSelectMultiple, ModelForm, ModelMultipleChoiceField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts import emails
from accounts.actions import team
from accounts.middleware import current_operator
from accounts.models import Operator
from praxtalk.core.dashboard.admin import WorkspaceAdmin
from praxtalk.core.dashboard.templatetags.components import relative_time


class BaseOperatorForm(ModelForm[Operator]):
    """Run the checks of `accounts.actions.team` as form validation, so that the form shows their errors."""

    class Meta:
        model = Operator
        fields = ("name", "email", "role", "sees_all_brands", "is_active")

    brands: Any = ModelMultipleChoiceField(
        None,
        required=False,
        widget=CheckboxSelectMultiple,
        help_text="Applies only if “Sees all brands” is not selected.",
    )
    operator: Operator  # the signed-in operator

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "brands" in self.fields:
            brands: Any = self.fields["brands"]
            brands.queryset = self.operator.workspace.brands.all()
            self.initial["brands"] = [brand.pk for brand in self.instance.brands.all()] if self.instance.name else []

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if self.instance.pk and not self.instance._state.adding:
            values = {name: values.get(name) for name in self.changed_data}
            existing: Operator | None = Operator.objects.get(pk=self.instance.pk)
        else:
            existing = None
            if Operator.objects.filter(email__iexact=values.get("email", "")).exists():  # in any workspace
                self.add_error("email", "This e-mail address is already in use.")
        if not self.errors:
            team.check_change(self.operator, existing, values)
        return self.cleaned_data


class BaseTeamAdmin(WorkspaceAdmin):
    """Invite, change and deactivate operators. Only operators who have not joined yet can be deleted."""

    url_prefix = "team"
    title = "Team"
    add_button = "Invite operator"
    create_button = "Send invitation"
    ability = "team"
    brand_field = None
    can_add = can_change = True
    form = BaseOperatorForm
    list_display = ("name", "email_address", "role", "brand_names", "status", "two_factor", "last_sign_in")
    empty_icon = "users-round"
    list_filter = ("role", "is_active")
    search_fields = ("name", "email")
    ordering = ("name", "id")
    change_form_template = "accounts/operator.html"
    change_list_template = "accounts/team.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("brands")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Admins see the page of an owner without a form, because they may change nothing there."""
        may_change = obj is None or team.may_change(current_operator(request), obj)
        return may_change and super().has_change_permission(request, obj)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        brands = "brand_names" if "brand_names" in self.get_readonly_fields(request, obj) else "brands"
        base = ("name", "email", "role", "sees_all_brands", brands)
        return (*base, "is_active") if obj and not obj.invited_at else base

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        access = ("role", "sees_all_brands", "brand_names", "is_active")
        if not team.may_change(current_operator(request), obj):
            return ("name", "email", *access)
        return ("email", *access) if obj.pk == request.user.pk else ("email",)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        operator = context.get("original")
        context["may_change"] = operator is not None and team.may_change(current_operator(request), operator)
        if context["may_change"] and operator.invited_at:
            context["invitation_url"] = emails.invitation_url(operator)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.operator = request.user
        return form

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Lead to the page of the invited operator, which has the link to copy."""
        is_mailed = settings.EMAIL_IS_CONFIGURED and not obj.workspace.is_demo
        how = f"The e-mail to {obj.email} is on its way." if is_mailed else "Copy the link below and send it to them."
        messages.success(request, f"{obj} has been invited. {how}")
        return redirect(reverse("admin:accounts_operator_change", args=[obj.pk]))

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Operator:
        return team.invite(current_operator(request), **values)

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> None:
        if values:
            team.change_operator(row, by=current_operator(request), **values)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Handle the buttons next to Save: send another invitation, revoke it, or disable a lost second factor."""
        operator = self.get_queryset(request).get(pk=obj.pk)
        try:
            if "_invite_again" in request.POST:
                team.resend_invitation(operator)
                messages.success(request, f"A new invitation has been sent to {operator.email}.")
            elif "_withdraw" in request.POST:
                team.revoke_invitation(operator, by=current_operator(request))
                messages.success(request, f"The invitation for {operator.email} has been revoked.")
            elif "_reset_two_factor" in request.POST:
                team.reset_two_factor(operator, by=current_operator(request))
                messages.success(request, f"Two-factor authentication has been reset for {operator}.")
            else:
                return super().response_change(request, obj)
        except ValidationError as error:
            messages.error(request, error.messages[0])
        return redirect(reverse("admin:accounts_operator_changelist"))

    @admin.display(description="brands")
    def brand_names(self, operator: Operator) -> str:
        return "All brands" if operator.sees_all_brands else ", ".join(brand.name for brand in operator.brands.all())

    @admin.display(description="status")
    def status(self, operator: Operator) -> str:
        if operator.invited_at:
            return "Invited"
        return "Active" if operator.is_active else "Deactivated"

    @admin.display(description="two-factor")
    def two_factor(self, operator: Operator) -> str:
        return "On" if operator.has_two_factor else "Off"

    @admin.display(description="last sign-in", ordering="last_login")
    def last_sign_in(self, operator: Operator) -> str:
        return relative_time(operator.last_login)
