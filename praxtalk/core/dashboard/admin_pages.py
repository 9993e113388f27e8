"""What the pages of a ModelAdmin say: headings, buttons, messages. They replace Django's own."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst


class AdminPages(ModelAdmin[Any]):
    """A ModelAdmin whose pages use the dashboard's words.

    title: the list's heading; empty: the model's verbose_name_plural. add_button: the text of the button that opens the form for
    a new row, which is also the form's heading; create_button: the text of that form's button. Both have defaults that name the
    model. empty_text, empty_icon: what is shown instead of an empty list.
    """

    title: ClassVar[str] = ""
    add_button: ClassVar[str] = ""
    create_button: ClassVar[str] = ""
    empty_text: ClassVar[str] = ""
    empty_icon: ClassVar[str] = "list"
    can_delete: ClassVar[bool] = False
    actions: Any = ("delete_selected",)
    delete_selected_confirmation_template = "admin/delete_selected_confirmation.html"

    @property
    def list_title(self) -> str:
        return self.title or capfirst(str(self.opts.verbose_name_plural))

    @property
    def list_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        texts = {
            "title": self.list_title,
            "add_button": self._add_button,
            "empty_text": self.empty_text or f"No {self.opts.verbose_name_plural} yet.",
            "empty_icon": self.empty_icon,
        }
        return super().changelist_view(request, {**texts, **(extra_context or {})})

    def render_change_form(
        self, request: HttpRequest, context: Any, add: bool = False, change: bool = False, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the form under the name of the row, or under the text of the button that led here. It has one Save button."""
        row = context.get("original")
        texts = {
            "title": str(row) if row else self._add_button,
            "subtitle": "",
            "back_link": {"title": self.list_title, "url": self.list_url},
            "save_button": "Save" if row else self.create_button or f"Create {self.opts.verbose_name}",
        }
        return super().render_change_form(request, {**context, **texts}, add, change, *args, **kwargs)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        texts = {"title": f"Delete this {self.opts.verbose_name}?", "subtitle": ""}
        return super().delete_view(request, object_id, {**texts, **(extra_context or {})})

    @property
    def _add_button(self) -> str:
        return self.add_button or f"New {self.opts.verbose_name}"

    # messages after a write ----------------------------------------------------------------------------------------------

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        messages.success(request, self.created_message(obj))
        return self.response_post_save_add(request, obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        messages.success(request, f"{obj} has been saved.")
        return self.response_post_save_change(request, obj)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        messages.success(request, f"{obj_display} has been deleted.")
        return redirect(self.list_url)

    def created_message(self, obj: Any) -> str:
        return f"{obj} has been created."

    # deletion of the rows chosen in a list ---------------------------------------------------------------------------------

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        if not self.has_delete_permission(request):
            actions.pop("delete_selected", None)
        return actions

    @admin.action(description="Delete")
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask, then delete. Raises PermissionDenied if the operator may not delete."""
        if not self.has_delete_permission(request):
            raise PermissionDenied
        rows = list(queryset)
        names = self.opts.verbose_name if len(rows) == 1 else self.opts.verbose_name_plural
        if request.POST.get("post"):
            self.delete_queryset(request, queryset)
            messages.success(request, f"{len(rows)} {names} deleted.")
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": f"Delete {len(rows)} {names}?",
            "opts": self.opts,
            "rows": rows,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "back_link": {"title": self.list_title, "url": self.list_url},
        }
        return TemplateResponse(request, self.delete_selected_confirmation_template, context)
