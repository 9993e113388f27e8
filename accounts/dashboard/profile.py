"""An operator's own pages: the profile with their name, and two-factor authentication."""

from typing import Any

import segno
from django.contrib import messages
from django.forms import CharField, ChoiceField, Form, PasswordInput, TextInput
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString, mark_safe

from accounts.actions import team, two_factor
from accounts.dashboard.sign_in import confirm_password
from accounts.middleware import current_operator
from praxtalk.core.dashboard.views import DashboardView
from praxtalk.core.db.encryption import decrypt, encrypt
from praxtalk.core.validators import time_zones, validate_visible

PENDING_SECRET_KEY = "second_factor_secret"  # noqa: S105 - a session key, not a secret


class ProfileForm(Form):
    name = CharField(
        max_length=100,
        label="Name",
        validators=[validate_visible],
        help_text="Visitors see this name next to your replies.",
    )
    time_zone = ChoiceField(
        required=False,
        label="Time zone",
        choices=lambda: [("", "As in the browser"), *((name, name.replace("_", " ")) for name in sorted(time_zones()))],
        help_text="The dashboard shows times in this time zone.",
    )


class ProfileView(DashboardView):
    """GET shows the profile; POST changes the name and the time zone."""

    title = "Profile"
    template_name = "accounts/profile.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ProfileForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        team.change_operator(current_operator(request), by=current_operator(request), **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("profile")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        operator = current_operator(self.request)
        form = ProfileForm(initial={"name": operator.name, "time_zone": operator.time_zone})
        codes_left = operator.recovery_codes.count()
        return super().get_context_data(**{"form": form, "codes_left": codes_left, **kwargs})


class CodeForm(Form):
    code = CharField(
        max_length=40,
        label="Six-digit code",
        widget=TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class EnableTwoFactorView(DashboardView):
    """GET shows a QR code. POST takes a code as proof that an app has the secret, and shows the recovery codes once."""

    title = "Two-factor authentication"
    template_name = "accounts/enable_two_factor.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if current_operator(request).has_two_factor:
            return redirect("profile")
        if PENDING_SECRET_KEY not in request.session:
            request.session[PENDING_SECRET_KEY] = encrypt(two_factor.generate_secret())
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = CodeForm(request.POST)
        if current_operator(request).has_two_factor or PENDING_SECRET_KEY not in request.session:
            return redirect("profile")
        if form.is_valid():
            secret = decrypt(request.session[PENDING_SECRET_KEY])
            codes = two_factor.enable(current_operator(request), secret=secret, code=form.cleaned_data["code"])
            if codes:
                del request.session[PENDING_SECRET_KEY]
                return _recovery_codes_response(self, codes)
            form.add_error("code", "This code is not valid. Check that your phone's clock is correct.")
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        secret = decrypt(self.request.session[PENDING_SECRET_KEY])
        uri = two_factor.provisioning_uri(secret, current_operator(self.request))
        groups = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
        return super().get_context_data(**{"form": CodeForm(), "qr_code": _qr_svg(uri), "secret": groups, **kwargs})


class PasswordForm(Form):
    """Ask the operator for their password again, so that access to an unlocked computer is not enough."""

    password = CharField(
        max_length=4096, label="Your password", widget=PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        confirm_password(self.request, password)
        return password


class ConfirmPasswordView(DashboardView):
    """GET asks for the password; POST checks it and calls `confirmed`."""

    template_name = "accounts/confirm_password.html"
    explanation = ""
    button = ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        form = PasswordForm(request=self.request)
        texts = {"explanation": self.explanation, "button": self.button}
        return super().get_context_data(**{"form": form, **texts, **kwargs})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = PasswordForm(request.POST, request=request)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        return self.confirmed(request)

    def confirmed(self, request: HttpRequest) -> HttpResponse:
        raise NotImplementedError


class DisableTwoFactorView(ConfirmPasswordView):
    title = "Disable two-factor authentication"
    explanation = "You will sign in with your password only. Your recovery codes will be deleted."
    button = "Disable"

    def confirmed(self, request: HttpRequest) -> HttpResponse:
        two_factor.disable(current_operator(request))
        messages.success(request, "Two-factor authentication is disabled.")
        return redirect("profile")


class RegenerateRecoveryCodesView(ConfirmPasswordView):
    title = "Regenerate recovery codes"
    explanation = "Your existing recovery codes will stop working."
    button = "Regenerate"

    def confirmed(self, request: HttpRequest) -> HttpResponse:
        if not current_operator(request).has_two_factor:
            return redirect("profile")
        return _recovery_codes_response(self, two_factor.regenerate_recovery_codes(current_operator(request)))


def _recovery_codes_response(page: DashboardView, codes: list[str]) -> HttpResponse:
    response = render(
        page.request, "accounts/recovery_codes.html", {**DashboardView.get_context_data(page), "codes": codes}
    )
    response["Cache-Control"] = "no-store"
    return response


def _qr_svg(text: str) -> SafeString:
    """Return a QR code of `text` in SVG, dark on light in every theme.

    It uses attributes only, because the content security policy forbids inline styles.
    """
    return mark_safe(segno.make(text, error="m").svg_inline(scale=5, border=3, light="#fff", title="QR code"))  # noqa: S308
