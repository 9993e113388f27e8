"""Dashboard pages of a brand: its texts, its identity secret, and the check of its site."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts.dashboard.profile import PasswordForm
from accounts.middleware import current_scope
from accounts.roles import Ability
from brands.actions import configure_widget, reveal_identity_secret, rotate_identity_secret
from brands.models import Brand
from praxtalk.core.api.errors import TooManyRequests
from praxtalk.core.api.limits import TESTS_PER_MINUTE, count
from praxtalk.core.api.outgoing_slots import outgoing_slot
from praxtalk.core.dashboard.views import DashboardView
from widget.install_check import check_site
from widget.translations import DEFAULT, languages, missing_placeholders, texts_in

LANGUAGES = {"ar": "العربية", "de": "Deutsch", "en": "English", "es": "Español", "fr": "Français", "pt": "Português"}
MAX_TEXT_LENGTH = 500


class BrandView(DashboardView):
    ability = Ability.BRANDS
    heading = ""

    def brand(self) -> Brand:
        """Return the brand of the URL. Raises Http404 if it is outside the operator's scope."""
        return current_scope(self.request).get(Brand.objects.all(), self.kwargs["id"], brand_field="pk")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        brand = self.brand()
        return super().get_context_data(**{"brand": brand, "title": f"{self.heading}: {brand.name}", **kwargs})


class TextsForm(forms.Form):
    """A field for each text of one language. An empty field means the default text, which the field's placeholder shows."""

    def __init__(self, *args: Any, brand: Brand, language: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.brand, self.language = brand, language
        own = brand.texts.get(language, {})
        for key, text in texts_in(language).items():
            widget = forms.TextInput(attrs={"placeholder": text, "dir": "auto"})
            label = key[0].upper() + "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in key[1:])
            self.fields[key] = forms.CharField(
                label=label, required=False, max_length=MAX_TEXT_LENGTH, widget=widget, initial=own.get(key, "")
            )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        for key, text in list(values.items()):
            if text and (missing := missing_placeholders(key, self.language, text)):
                self.add_error(key, f"The text must contain {', '.join(sorted(missing))}.")
        return values


class BrandTextsView(BrandView):
    """GET shows the texts of ?language=; POST stores the brand's own texts."""

    heading = "Texts"
    template_name = "widget/texts.html"

    @property
    def language(self) -> str:
        language = self.request.GET.get("language", DEFAULT)
        if language not in languages():
            raise Http404
        return language

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        tabs = [
            {"title": LANGUAGES[code], "code": code, "is_current": code == self.language}
            for code in sorted(languages())
        ]
        form = TextsForm(brand=self.brand(), language=self.language)
        return super().get_context_data(**{"tabs": tabs, "form": form, **kwargs})

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        brand = self.brand()
        form = TextsForm(request.POST, brand=brand, language=self.language)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        own = {key: text for key, text in form.cleaned_data.items() if text}
        others = {language: texts for language, texts in brand.texts.items() if language != self.language}
        configure_widget(brand, texts=others | ({self.language: own} if own else {}))
        messages.success(request, "Saved. Open widgets show the new texts on the next page.")
        return redirect(f"{reverse('brand_texts', args=[id])}?language={self.language}")


class IdentitySecretView(BrandView):
    """GET asks for the operator's password; POST shows the secret, or replaces it and shows the new one."""

    heading = "Identity secret"
    template_name = "widget/identity_secret.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"form": PasswordForm(request=self.request), **kwargs})

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        brand = self.brand()
        form = PasswordForm(request.POST, request=request)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        is_new = "renew" in request.POST
        secret = rotate_identity_secret(brand) if is_new else reveal_identity_secret(brand)
        response = render(request, self.template_name, self.get_context_data(secret=secret, is_new=is_new))
        response["Cache-Control"] = "no-store"
        return response


class SiteForm(forms.Form):
    url = forms.URLField(max_length=2000, label="A page of your site", assume_scheme="https")


class CheckSiteView(BrandView):
    """GET asks for a URL; POST fetches the page and shows the results of the check."""

    heading = "Check my site"
    template_name = "widget/check_site.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"form": SiteForm(), **kwargs})

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        brand, form = self.brand(), SiteForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        try:
            with outgoing_slot(brand.workspace_id):
                count("test", str(brand.workspace_id), TESTS_PER_MINUTE, "Too many tests in this workspace")
                results = check_site(brand, form.cleaned_data["url"])
        except TooManyRequests as error:
            form.add_error(None, str(error.detail))
            headers = {"Retry-After": str(error.retry_after)}
            return self.render_to_response(self.get_context_data(form=form), status=429, headers=headers)
        return self.render_to_response(self.get_context_data(form=form, results=results))
