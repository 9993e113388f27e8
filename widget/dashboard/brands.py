from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.forms import CharField, ModelForm, Textarea, TextInput, ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.middleware import current_operator
from accounts.roles import Ability
from brands.actions import configure_widget, create_brand
from brands.allowed_domains import check_domain
from brands.business_hours import DAY_NAMES, DAYS, HOLIDAYS, weekly_errors
from brands.models import MAX_DOMAINS, Brand
from praxtalk.core.dashboard.admin import WorkspaceAdmin
from widget.dashboard.hours import DayHoursField, HolidaysField

HOURS = "hours"  # the key in cleaned_data for the business hours: those of all days, and the holidays
DAY_FIELDS = {day: f"hours_{day}" for day in DAYS}
HOURS_FIELDS = (*DAY_FIELDS.values(), HOLIDAYS)
HOURS_HELP = (
    "Days without hours are closed. Hours may end on the next day, for example 21:00 to 2:00. "
    "Without any hours, the brand is always open, except on holidays."
)


class DomainsField(CharField):
    """A list of domains, one per line."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        domains = self._split(super().clean(value))
        problems = [] if len(domains) <= MAX_DOMAINS else [f"Enter no more than {MAX_DOMAINS} domains."]
        for domain in domains:
            try:
                check_domain(domain)
            except ValidationError as error:
                problems += error.messages
        if problems:
            raise ValidationError(problems)
        return domains

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self._split(data or "") != (initial or [])

    def _split(self, text: str) -> list[str]:
        return text.lower().replace(",", " ").split()


class BrandForm(ModelForm[Brand]):
    """A brand's settings. Each day has a field for its hours. HOURS in the cleaned data holds the hours of all of them."""

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
        hours = self.instance.business_hours or {}
        for day, name in DAY_FIELDS.items():
            can_copy = day == DAYS[0]
            self.fields[name] = DayHoursField(day=DAY_NAMES[day], can_copy=can_copy, initial=hours.get(day, []))
        help_text = "Dates on which the brand is closed."
        self.fields[HOLIDAYS] = HolidaysField(required=False, initial=hours.get(HOLIDAYS, {}), help_text=help_text)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        hours: dict[str, Any] = {day: spans for day, name in DAY_FIELDS.items() if (spans := values.pop(name, []))}
        for day, problems in weekly_errors(hours).items():
            self.add_error(DAY_FIELDS[day], problems)
        if holidays := values.pop(HOLIDAYS, {}):
            hours[HOLIDAYS] = holidays
        values[HOURS] = hours
        return values

    @property
    def changed_data(self) -> list[str]:
        """The changed fields, with HOURS in place of HOURS_FIELDS."""
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
