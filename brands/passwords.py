"""Choosing a password: by the link of an e-mail, by an invitation, or in one's profile.

A link is good once. Opened, its secret moves into the session and out of the address (Django's PasswordResetConfirmView). A new
password ends every other session, and never stands in for the second factor.
"""

from typing import Any

from django.contrib import messages
from django.contrib.auth.views import PasswordChangeView, PasswordResetConfirmView
from django.forms import EmailField, EmailInput, Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy

from brands import letters, team
from brands.audit import Action, record
from brands.models import Letter, Operator
from brands.operator_tokens import end_pages
from brands.sign_in import Limited
from praxtalk.dashboard.site import dashboard


class AddressForm(Form):
    email = EmailField(
        max_length=254, label="E-mail address", widget=EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )


class Forgotten(Limited):
    """Asks for a link. The answer is the same for every address."""

    template_name = "admin/forgotten.html"
    form_class = AddressForm
    group = "forgotten"

    def counted(self, request: HttpRequest) -> str:
        return request.POST.get("email", "")

    def form_valid(self, form: AddressForm) -> HttpResponse:
        letters.write(Letter.Kind.PASSWORD_RESET, form.cleaned_data["email"])
        messages.success(self.request, "If somebody has this address, an e-mail with a link is on its way to it.")
        return redirect("admin:login")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **dashboard.each_context(self.request),
            **super().get_context_data(**kwargs),
            "title": "Forgotten password",
        }


class ByLink(PasswordResetConfirmView):
    """Whoever has the link chooses a password."""

    template_name = "admin/choose_password.html"
    success_url = reverse_lazy("admin:login")
    is_invitation = False

    def get_user(self, uidb64: str) -> Operator | None:
        operator = super().get_user(uidb64)
        if not isinstance(operator, Operator):
            return None
        is_right = operator.invited_at is not None if self.is_invitation else operator.is_active
        return operator if is_right else None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        title = "Join" if self.is_invitation else "New password"
        return {**dashboard.each_context(self.request), **super().get_context_data(**kwargs), "title": title}


class ChoosePassword(ByLink):
    """Of who has forgotten it."""

    token_generator = letters.reset_tokens

    def form_valid(self, form: Any) -> HttpResponse:
        answer, operator = super().form_valid(form), form.user
        record(Action.PASSWORD_CHANGED, workspace_id=operator.workspace_id, by=operator, way="link")
        end_pages(operator)
        messages.success(self.request, "Your password is changed. Sign in with it.")
        return answer


class Join(ByLink):
    """Of who is invited."""

    token_generator = letters.invitation_tokens
    is_invitation = True
    reset_url_token = "password"  # noqa: S105 - what stands in the address instead of the secret

    def form_valid(self, form: Any) -> HttpResponse:
        if team.join(form.user, password=form.cleaned_data["new_password1"]):
            messages.success(self.request, "Welcome. Sign in with the password that you have chosen.")
        else:
            messages.error(self.request, "This invitation has been used already.")
        return redirect(str(self.success_url))


class ChangePassword(PasswordChangeView):
    """In the profile, by who knows the old one."""

    template_name = "admin/change_password.html"
    success_url = reverse_lazy("profile")

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        operator = form.user
        record(Action.PASSWORD_CHANGED, workspace_id=operator.workspace_id, subject=operator)
        end_pages(operator)
        messages.success(self.request, "Your password is changed. Every other browser is signed out.")
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **dashboard.each_context(self.request),
            **super().get_context_data(**kwargs),
            "title": "Change password",
        }
