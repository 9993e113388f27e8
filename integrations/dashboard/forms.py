"""The forms of /app/integrations. They take the same values as the REST API and validate them by the same rules."""

import ipaddress
from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from brands.models import Brand
from integrations.models import MAX_DESCRIPTION_LENGTH, ApiKey, EventName, Replay
from praxtalk.core.http.addresses import MAX_URL, ForbiddenUrl, check_url
from praxtalk.core.validators import validate_visible

LIFETIMES = [("", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In 365 days")]
MAX_NETWORKS = 50


class BrandScopedForm(forms.Form):
    """A form with a brand. An operator who sees all brands may leave it empty, which means all brands."""

    brand = forms.ModelChoiceField(Brand.objects.none(), required=False, empty_label="All brands")

    def __init__(self, *args: Any, brands: QuerySet[Brand], sees_all_brands: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["brand"]
        field.queryset = brands
        if not sees_all_brands:
            field.required, field.empty_label = True, "Choose a brand"


class NetworksField(forms.CharField):
    """IP addresses or networks in CIDR notation, one on each line."""

    widget = forms.Textarea(attrs={"rows": 2, "spellcheck": "false"})

    def clean(self, value: Any) -> list[str]:
        words = super().clean(value).replace(",", " ").split()
        if len(words) > MAX_NETWORKS:
            raise forms.ValidationError(f"Enter at most {MAX_NETWORKS} addresses.")
        try:
            return [str(ipaddress.ip_network(word)) for word in words]
        except ValueError as error:
            raise forms.ValidationError(f"{error}.") from error


class KeyForm(BrandScopedForm):
    name = forms.CharField(
        max_length=100,
        validators=[validate_visible],
        help_text="What the key is for, for example the name of your CRM.",
    )
    scope = forms.ChoiceField(
        choices=[("read", "Read: list and fetch data"), ("write", "Write: also send, create and change data")],
        widget=forms.RadioSelect,
        initial=ApiKey.Scope.READ,
    )
    allowed_cidrs = NetworksField(
        required=False,
        max_length=4000,
        label="Allowed addresses",
        help_text="One IP address or network per line, for example 203.0.113.0/24. Leave empty to allow any address.",
    )
    expires = forms.ChoiceField(choices=LIFETIMES, required=False)

    field_order = ("name", "scope", "brand", "allowed_cidrs", "expires")

    def values(self) -> dict[str, Any]:
        """Return the arguments of `create_key`."""
        values = dict(self.cleaned_data)
        days = values.pop("expires")
        return values | {"expires_at": timezone.now() + timedelta(days=int(days)) if days else None}


class PermittedUrlField(forms.CharField):
    """A URL that webhooks may be sent to."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return check_url(text)
        except ForbiddenUrl as error:
            raise forms.ValidationError(str(error)) from error


class WebhookForm(BrandScopedForm):
    url = PermittedUrlField(
        max_length=MAX_URL, label="URL", help_text="The HTTPS URL of your CRM to which events are sent."
    )
    events = forms.MultipleChoiceField(
        choices=[(name.value, name.value) for name in EventName], widget=forms.CheckboxSelectMultiple
    )
    description = forms.CharField(max_length=MAX_DESCRIPTION_LENGTH, required=False)

    field_order = ("url", "events", "brand", "description")


class ReplayForm(forms.Form):
    what = forms.ChoiceField(
        choices=[
            (Replay.Selection.FAILED, "Failed deliveries"),
            (Replay.Selection.MISSING, "Events without a delivery"),
            (Replay.Selection.SUCCEEDED, "Successful deliveries"),
        ],
        label="Replay",
    )
    event_name = forms.ChoiceField(
        choices=[("", "All events"), *((name.value, name.value) for name in EventName)], required=False, label="Event"
    )
    since = forms.DateTimeField(
        required=False, label="Since", widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    until = forms.DateTimeField(
        required=False, label="Until", widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("since") and values.get("until") and values["since"] > values["until"]:
            self.add_error("since", "Must not be later than “Until”.")
        return values
