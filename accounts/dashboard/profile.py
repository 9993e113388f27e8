"""An operator's own pages: the profile with their name, and two-factor sign-in."""

from typing import Any

import segno
from django.contrib import messages
from django.forms import CharField, Form, PasswordInput, TextInput
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString, mark_safe

from accounts.actions import team, two_factor
from accounts.dashboard.sign_in import confirm_password
from accounts.middleware import current_operator
from praxtalk.core.dashboard.views import Page
from praxtalk.core.db.encryption import decrypt, encrypt
from praxtalk.core.validators import check_visible

SECRET = "second_factor_secret"  # noqa: S105 - a session key, not a secret


class NameForm(Form):
    name = CharField(
        max_length=100, label="Name", validators=[check_visible], help_text="Visitors see it beside your replies."
    )


class Profile(Page):
    """GET shows the profile; POST changes the name."""

    title = "Profile"
    template_name = "accounts/profile.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        form = NameForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        team.change_operator(current_operator(request), by=current_operator(request), name=form.cleaned_data["name"])
        messages.success(request, "Saved.")
        return redirect("profile")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        operator = current_operator(self.request)
        form = NameForm(initial={"name": operator.name})
        codes_left = operator.recovery_codes.count()
        return super().get_context_data(**{"form": form, "codes_left": codes_left, **kwargs})


class CodeForm(Form):
    code = CharField(
        max_length=40,
        label="Six digits from the app",
        widget=TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class EnableTwoFactorView(Page):
    """GET shows a QR code. POST takes a code as proof that an app has the secret, and shows the recovery codes once."""

    title = "Two-factor sign-in"
    template_name = "accounts/enable_two_factor.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if current_operator(request).has_two_factor:
            return redirect("profile")
        if SECRET not in request.session:
            request.session[SECRET] = encrypt(two_factor.begin())
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = CodeForm(request.POST)
        if current_operator(request).has_two_factor or SECRET not in request.session:
            return redirect("profile")
        if form.is_valid():
            secret = decrypt(request.session[SECRET])
            codes = two_factor.switch_on(current_operator(request), secret=secret, code=form.cleaned_data["code"])
            if codes:
                del request.session[SECRET]
                return _shown_once(self, codes)
            form.add_error("code", "This is no code of that app just now. Is the phone's clock right?")
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        secret = decrypt(self.request.session[SECRET])
        address = two_factor.address_of(secret, current_operator(self.request))
        groups = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
        return super().get_context_data(**{"form": CodeForm(), "qr_code": _qr_svg(address), "secret": groups, **kwargs})


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


class ConfirmPasswordView(Page):
    """GET asks for the password; POST checks it and calls `confirmed`."""

    template_name = "accounts/confirm_password.html"
    explanation = ""
    button = ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        form = PasswordForm(request=self.request)
        words = {"explanation": self.explanation, "button": self.button}
        return super().get_context_data(**{"form": form, **words, **kwargs})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = PasswordForm(request.POST, request=request)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        return self.confirmed(request)

    def confirmed(self, request: HttpRequest) -> HttpResponse:
        raise NotImplementedError


class DisableTwoFactorView(ConfirmPasswordView):
    title = "Switch two-factor sign-in off"
    explanation = "Your password alone will let you in, and your recovery codes are forgotten."
    button = "Switch off"

    def confirmed(self, request: HttpRequest) -> HttpResponse:
        two_factor.switch_off(current_operator(request))
        messages.success(request, "Two-factor sign-in is off.")
        return redirect("profile")


class RenewRecoveryCodes(ConfirmPasswordView):
    title = "New recovery codes"
    explanation = "Those that you have are refused from then on."
    button = "Make new ones"

    def confirmed(self, request: HttpRequest) -> HttpResponse:
        if not current_operator(request).has_two_factor:
            return redirect("profile")
        return _shown_once(self, two_factor.renew_codes(current_operator(request)))


def _shown_once(page: Page, codes: list[str]) -> HttpResponse:
    answer = render(page.request, "accounts/recovery_codes.html", {**Page.get_context_data(page), "codes": codes})
    answer["Cache-Control"] = "no-store"
    return answer


def _qr_svg(text: str) -> SafeString:
    """Return a QR code of `text` in SVG, dark on light in every theme.

    It uses attributes only, because the content security policy forbids inline styles.
    """
    return mark_safe(segno.make(text, error="m").svg_inline(scale=5, border=3, light="#fff", title="QR code"))  # noqa: S308
