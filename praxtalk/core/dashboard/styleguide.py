"""/app/styleguide/: the components of the dashboard with all their states, for development."""

from typing import Any

from django.conf import settings
from django.forms import (
    BooleanField,
    CharField,
    CheckboxSelectMultiple,
    ChoiceField,
    DateField,
    DateInput,
    EmailField,
    Form,
    MultipleChoiceField,
    RadioSelect,
    Textarea,
    TextInput,
)
from django.http import Http404, HttpRequest, HttpResponseBase

from praxtalk.core.dashboard.icons import ICONS
from praxtalk.core.dashboard.views import DashboardView


class StyleguideView(DashboardView):
    """All components of the dashboard with their states, for development: served only with DEBUG."""

    template_name = "dashboard/styleguide.html"
    title = "Style guide"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.DEBUG:
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        samples = {"form": SampleForm({"email": "nobody", "is_active": True}), "icons": ICONS}
        return super().get_context_data(**samples, **kwargs)


class SampleForm(Form):
    """One field of each kind, for the style guide. `email` has an error, `locked` is disabled."""

    name = CharField(help_text="As visitors see it.", widget=TextInput(attrs={"placeholder": "Maya Abebe"}))
    email = EmailField(label="E-mail")
    locked = CharField(required=False, disabled=True, initial="Cannot be changed")
    role = ChoiceField(choices=[("operator", "Operator"), ("owner", "Owner")])
    notes = CharField(required=False, widget=Textarea(attrs={"rows": 3}))
    colour = CharField(required=False, widget=TextInput(attrs={"type": "color"}))
    until = DateField(required=False, label="Date", widget=DateInput(attrs={"type": "date"}))
    is_active = BooleanField(label="Active")
    brands = MultipleChoiceField(
        required=False, choices=[("n", "North"), ("s", "South")], widget=CheckboxSelectMultiple
    )
    scope = ChoiceField(choices=[("read", "Read"), ("write", "Write")], widget=RadioSelect)
