"""The page that sets up an installation: the first workspace, its owner and its first brand."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from accounts.dashboard.sign_in import complete_login
from accounts.models import Operator
from brands.actions import create_first_workspace
from brands.setup_code import is_set_up, is_valid
from praxtalk.core.dashboard.site import dashboard
from praxtalk.core.validators import validate_visible


class SetupForm(forms.Form):
    workspace = forms.CharField(
        max_length=100,
        validators=[validate_visible],
        label="Workspace",
        help_text="For example the name of your company.",
    )
    brand = forms.CharField(
        max_length=100,
        required=False,
        validators=[validate_visible],
        label="First brand",
        help_text="Visitors see its name in the widget. Leave empty to use the workspace's name.",
    )
    name = forms.CharField(max_length=100, validators=[validate_visible], label="Your name")
    email = forms.EmailField(
        max_length=254, label="Your e-mail", widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    password = forms.CharField(
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 8 characters.",
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if password := values.get("password"):
            try:
                validate_password(password, Operator(email=values.get("email", ""), name=values.get("name", "")))
            except ValidationError as error:
                self.add_error("password", error)
        if Operator.objects.filter(email__iexact=values.get("email", "")).exists():
            self.add_error("email", "This e-mail address is already in use, perhaps by the demo.")
        return values


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class SetupView(FormView[Any]):
    """Create the first workspace, and sign its owner in. 404 with a code that is not valid, and once there is a workspace."""

    template_name = "brands/setup.html"
    form_class = SetupForm

    def dispatch(self, request: HttpRequest, *args: Any, code: str, **kwargs: Any) -> HttpResponseBase:
        if not is_valid(code) or is_set_up():
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: SetupForm) -> HttpResponse:
        values = form.cleaned_data
        try:
            workspace = create_first_workspace(
                name=values["workspace"],
                brand_name=values["brand"] or values["workspace"],
                owner_email=values["email"],
                owner_name=values["name"],
                password=values["password"],
            )
        except ValidationError as error:
            form.add_error(None, error)
            return self.form_invalid(form)
        return complete_login(self.request, workspace.operators.get(), url="/app/home/")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = {**dashboard.each_context(self.request), **super().get_context_data(**kwargs)}
        return {**context, "title": "Set up PraxTalk", "navigation": None}
