from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.forms import CharField, ModelForm, Textarea, TextInput, ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.middleware import current_operator
from accounts.roles import Ability
from brands.actions import configure_widget, create_brand
from brands.business_hours import DAYS
from brands.models import Brand
from praxtalk.core.dashboard.admin import WorkspaceAdmin

DAY_NAMES = dict(zip(DAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True))
HOURS = "hours"  # the key in cleaned_data for the hours of all days
HOURS_FIELDS = tuple(f"hours_{day}" for day in DAYS)
HOURS_HELP = (
    "For example 09:00-12:30, 13:30-18:00. Days without hours are closed. Without any hours, the brand is always open."
)


class DomainsField(CharField):
    """A list of domains, one per line."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        return super().clean(value).lower().replace(",", " ").split()

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.clean(data) != (initial or []))


class BrandForm(ModelForm[Brand]):
    """A brand's settings. Each day has a field for its hours: 09:00-12:30, 13:30-18:00."""

    class Meta:
        model = Brand
        fields = (
            "name",
            "primary_color",
            "side",
            "greeting",
            "privacy_url",
            "allowed_domains",
            "email_from",
            "time_zone",
        )

    allowed_domains = DomainsField(
        required=False,
        max_length=15_000,
        widget=Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="Sites that may embed the widget, one per line, such as shop.example.com or *.example.com. "
        "Leave empty to allow any site.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["primary_color"].widget = TextInput(attrs={"type": "color"})
        greeting_help = "The text above the form. Leave empty for the default text in the visitor's language."
        self.fields["greeting"].help_text = greeting_help
        self.fields["email_from"].help_text = f"Sender of e-mail replies. Leave empty for {settings.EMAIL_FROM}."
        self.fields["email_from"].label = "Sender"
        self.fields["privacy_url"].label = "Privacy policy"
        self.fields["time_zone"].help_text = "Time zone of the business hours, such as Europe/Berlin."
        for day, name in zip(DAYS, HOURS_FIELDS, strict=True):
            spans = ", ".join((self.instance.business_hours or {}).get(day, []))
            self.fields[name] = CharField(label=DAY_NAMES[day], required=False, max_length=200, initial=spans)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        entered = {day: str(values.pop(name, "")) for day, name in zip(DAYS, HOURS_FIELDS, strict=True)}
        values[HOURS] = {day: spans for day in DAYS if (spans := entered[day].replace(",", " ").split())}
        try:
            Brand._meta.get_field("business_hours").run_validators(values[HOURS] or None)
        except ValidationError as error:
            day = next((day for day in DAYS if error.messages[0].startswith(f"{day}:")), DAYS[0])
            self.add_error(f"hours_{day}", error.messages[0])
        return values

    @property
    def changed_data(self) -> list[str]:
        """The changed fields, with HOURS in place of the fields of the days."""
        names = super().changed_data
        return [name for name in names if name not in HOURS_FIELDS] + [HOURS] * bool({*HOURS_FIELDS} & {*names})


class NewBrandForm(ModelForm[Brand]):
    class Meta:
        model = Brand
        fields = ("name", "primary_color")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["primary_color"].widget = TextInput(attrs={"type": "color"})


class BrandAdmin(WorkspaceAdmin):
    """The brands in the operator's scope, as cards. Only operators who see all brands can add one."""

    url_prefix = "brands"
    ability = Ability.BRANDS
    brand_field = "pk"
    can_add = can_change = True
    form = BrandForm
    list_display = ("name", "widget_id", "created_at")
    ordering = ("created_at", "id")
    change_form_template = "widget/brand.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and current_operator(request).sees_all_brands

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = BrandForm if obj else NewBrandForm
        return super().get_form(request, obj, change=change, **{**kwargs, "form": form, "fields": None})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": ("name", "primary_color")})]
        appearance = ("name", "primary_color", "side", "greeting", "privacy_url")
        return [
            ("Appearance", {"fields": appearance}),
            ("Sites and e-mail", {"fields": ("allowed_domains", "email_from")}),
            ("Business hours", {"fields": ("time_zone", *HOURS_FIELDS), "description": HOURS_HELP}),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show each brand as a card."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        brands = [{"brand": brand, **_install_context(brand)} for brand in self.get_queryset(request)]
        more = {"title": "Brands", "brands": brands, "can_add": self.has_add_permission(request)}
        return TemplateResponse(request, "widget/brands.html", {**self.admin_site.each_context(request), **more})

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        obj = kwargs.get("obj")
        return super().render_change_form(
            request, {**context, **(_install_context(obj) if obj else {})}, *args, **kwargs
        )

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Brand:
        return create_brand(current_operator(request).workspace, **values)

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> None:
        if HOURS in values:
            values["business_hours"] = values.pop(HOURS)
        if values:
            configure_widget(row, **values)


def _install_context(brand: Brand) -> dict[str, str]:
    """Return the snippet, exactly as in the docs, and the two Content-Security-Policy entries that a site needs."""
    base = settings.BASE_URL
    return {
        "snippet": f'<script src="{base}/widget.js" data-widget-id="{brand.widget_id}" defer></script>',
        "policy": f"script-src {base}/widget.js; connect-src {base} {base.replace('http', 'ws', 1)}",
    }
