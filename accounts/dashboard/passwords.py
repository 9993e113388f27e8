"""Choose a password: with a link from an e-mail, with an invitation, or in the profile.

A link works once. When it is opened, its token moves from the URL into the session (Django's `PasswordResetConfirmView`). A new
password ends every other session. It never replaces the second factor.
"""

from typing import Any

from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.forms import EmailField, EmailInput, Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy

from accounts import emails
from accounts.actions import team
from accounts.actions.passwords import change_password
from accounts.dashboard.sign_in import RateLimitedFormView, complete_password_step, confirm_password
from accounts.known_clients import remember
from accounts.models import Operator, QueuedEmail
from accounts.throttling import OperatorThrottled, Purpose, TooManyAttempts
from praxtalk.core.dashboard.site import dashboard


class EmailForm(Form):
    email = EmailField(
        max_length=254, label="E-mail address", widget=EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )


class PasswordResetView(RateLimitedFormView):
    """Queue an e-mail with a link to choose a new password. The response is the same for every address.

    If others have requested too many links for an address, the response is still the same, but no further link is sent:
    the owner has already received several, and each of them works.
    """

    template_name = "accounts/password_reset.html"
    form_class = EmailForm
    purpose = Purpose.RESET

    def attempted_email(self, request: HttpRequest) -> str:
        return request.POST.get("email", "")

    def throttled_response(self, error: TooManyAttempts) -> HttpResponse:
        return self._accepted() if isinstance(error, OperatorThrottled) else super().throttled_response(error)

    def form_valid(self, form: EmailForm) -> HttpResponse:
        emails.enqueue(QueuedEmail.Kind.PASSWORD_RESET, form.cleaned_data["email"])
        return self._accepted()

    def _accepted(self) -> HttpResponse:
        messages.success(
            self.request, "If an operator has this e-mail address, we have sent them a link to reset the password."
        )
        return redirect("admin:login")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **dashboard.each_context(self.request),
            **super().get_context_data(**kwargs),
            "title": "Reset password",
        }


class TokenPasswordView(auth_views.PasswordResetConfirmView):
    """Base of the two views behind an e-mailed link, on which an operator chooses a password."""

    template_name = "accounts/choose_password.html"
    success_url = reverse_lazy("admin:login")
    is_invitation = False

    def get_user(self, uidb64: str) -> Operator | None:
        operator = super().get_user(uidb64)
        if not isinstance(operator, Operator):
            return None
        may_use_link = operator.invited_at is not None if self.is_invitation else operator.is_active
        return operator if may_use_link else None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **dashboard.each_context(self.request),
            **super().get_context_data(**kwargs),
            "title": "Accept invitation" if self.is_invitation else "Set a new password",
            "is_invitation": self.is_invitation,
        }


class ResetPasswordForm(SetPasswordForm):  # type: ignore[type-arg]
    """Django's form, which saves with our action."""

    def save(self, commit: bool = True) -> Any:
        change_password(self.user, password=self.cleaned_data["new_password1"], by_link=True)
        return self.user


class PasswordResetConfirmView(TokenPasswordView):
    """Set a new password for an operator who forgot it. The link came by e-mail, so mark this browser as known to the account."""

    token_generator = emails.reset_tokens
    form_class = ResetPasswordForm

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        remember(self.request, response, form.user.email)
        messages.success(self.request, "Your password has been changed. Sign in with your new password.")
        return response


class AcceptInvitationView(TokenPasswordView):
    """Set the password of an invited operator, who joins and is signed in with it.

    If they have two-factor authentication, they enter a code first, as at every sign-in.
    """

    token_generator = emails.invitation_tokens
    is_invitation = True
    reset_url_token = "password"  # noqa: S105 - replaces the token in the URL

    def form_valid(self, form: Any) -> HttpResponse:
        if not team.accept_invitation(form.user, password=form.cleaned_data["new_password1"]):
            messages.error(self.request, "This invitation has already been accepted or revoked.")
            return redirect(str(self.success_url))
        messages.success(self.request, f"Welcome to {form.user.workspace.name}!")
        return complete_password_step(self.request, form.user, reverse("admin:index"))


class ChangePasswordForm(PasswordChangeForm):
    """Django's form, which saves with our action, and limits guesses of the old password."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        confirm_password(self.request, password)
        return password

    def save(self, commit: bool = True) -> Any:
        change_password(self.user, password=self.cleaned_data["new_password1"])
        return self.user


class ChangePasswordView(auth_views.PasswordChangeView):
    """Change the password in the profile, for an operator who knows the old one."""

    template_name = "admin/change_password.html"
    form_class = ChangePasswordForm
    success_url = reverse_lazy("profile")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        messages.success(self.request, "Your password has been changed. All other browsers have been signed out.")
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **dashboard.each_context(self.request),
            **super().get_context_data(**kwargs),
            "title": "Change password",
        }
