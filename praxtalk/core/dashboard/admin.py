"""The base ModelAdmin of the dashboard. Its pages show only rows that the operator may see."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import RelatedFieldListFilter, ShowFacets
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import DataError, IntegrityError
from django.db.models import EmailField, Model, QuerySet
from django.forms import CharField, ModelForm, Textarea
from django.http import Http404, HttpRequest
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.functional import cached_property

from praxtalk.core.dashboard.admin_pages import AdminPages
from praxtalk.core.dashboard.templatetags.components import relative_time
from praxtalk.core.validators import validate_visible

MAX_COUNT = 10_000
# Raised for query strings whose lookups or values are invalid.
INVALID_LOOKUP_ERRORS = (DataError, ValidationError, ValueError, OverflowError, IncorrectLookupParameters)


class BoundedPaginator(Paginator[Any]):
    """Count at most MAX_COUNT rows, so that no page waits for a count. Search and filters find the rows beyond that number."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:MAX_COUNT].count())  # the list's ordering is kept, so that the query uses its index


class WorkspaceAdmin(AdminPages):
    """A ModelAdmin whose queries are limited to the operator's scope and whose writes go through actions.

    url_prefix: the path of its pages below /app/. ability: the permission needed to see the pages. ability_to_change: the
    permission needed to write; empty: the same as `ability`. brand_field: the field that holds the brand's id; None if the rows
    belong to the whole workspace. A subclass with forms overrides `create` and `change`, which call an action. The admin itself
    saves nothing.
    """

    url_prefix: ClassVar[str]
    ability: ClassVar[str] = "answer"
    ability_to_change: ClassVar[str] = ""
    brand_field: ClassVar[str | None] = "brand_id"
    can_add: ClassVar[bool] = False
    can_change: ClassVar[bool] = False
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 200
    view_on_site = False
    show_facets = ShowFacets.NEVER

    def rows(self, request: HttpRequest, rows: QuerySet[Any], brand_field: str | None) -> QuerySet[Any]:
        """Return those of `rows` that the operator may see. brand_field: as on the class."""
        scope: Any = request.scope  # type: ignore[attr-defined]
        visible: QuerySet[Any] = scope.rows(rows, brand_field=brand_field)
        return visible

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.rows(request, super().get_queryset(request), self.brand_field)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the row. Raises Http404 if it does not exist or is out of scope.

        Django instead redirects to another page, with a message.
        """
        row = super().get_object(request, object_id, from_field)
        if row is None:
            raise Http404
        return row

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Allow only lookups of the list's filters.

        Django also allows some lookups of other fields. They could reveal, for instance, whether an operator's password hash
        begins with a certain letter.
        """
        filters = [each[0] if isinstance(each, tuple) else each for each in self.get_list_filter(request)]
        names = [getattr(each, "parameter_name", each) for each in filters]
        return lookup.partition("__")[0] in names and super().lookup_allowed(lookup, value, request)

    def get_urls(self) -> list[URLPattern]:
        """Return the URLs without Django's history page, which the audit log replaces."""
        return [url for url in super().get_urls() if not str(url.name).endswith("_history")]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the list.

        If the query string leads to an invalid query, redirect to the unfiltered list, as Django does for invalid lookups.
        """
        try:
            return super().changelist_view(request, extra_context)
        except INVALID_LOOKUP_ERRORS:
            if request.method == "POST":
                raise
            return redirect(request.path)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Show an error message if an action rejects a valid form, for instance after a concurrent change."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        except IntegrityError:
            messages.error(request, "The same object was saved at the same time. Check whether it already exists.")
        return redirect(request.get_full_path())

    # permissions ---------------------------------------------------------------------------------------------------------

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_authenticated and request.user.may(self.ability))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.can_add and self._can_write(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.can_change and self._can_write(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.can_delete and self._can_write(request)

    def _can_write(self, request: HttpRequest) -> bool:
        needed = self.ability_to_change or self.ability
        return self.has_module_permission(request) and request.user.may(needed)  # type: ignore[union-attr]

    # choices in forms and filters ------------------------------------------------------------------------------------------

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> QuerySet[Any]:
        """Return the choices of a foreign key: the rows of that model that the operator may see."""
        return self.visible_objects(db_field.remote_field.model, request)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the form field.

        A foreign key has no buttons for adding and changing related rows, which lead away from the form. One-line text must
        have visible characters only.
        """
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(db_field, EmailField):
            field.label = "E-mail"
        if isinstance(getattr(field, "widget", None), RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        if getattr(field, "empty_label", None) is not None:
            field.empty_label = "None"
        if isinstance(field, CharField) and not isinstance(field.widget, Textarea):
            field.validators.append(validate_visible)
        return field

    @admin.display(description="created", ordering="created_at")
    def created(self, row: Any) -> str:
        return relative_time(row.created_at)

    @admin.display(description="e-mail", ordering="email")
    def email_address(self, row: Any) -> str:
        return str(row.email)

    def visible_objects(self, model: type[Model], request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of another model that the operator may see, as that model's admin defines them.

        Raises NotRegistered if the model has no admin.
        """
        return self.admin_site.get_model_admin(model).get_queryset(request)

    # writes: only through actions -------------------------------------------------------------------------------------------

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Model:
        """Create a row from a form's cleaned values and return it."""
        raise NotImplementedError

    def change(self, request: HttpRequest, row: Model, values: dict[str, Any]) -> None:
        """Change the row. values: the cleaned values of the form's changed fields."""
        raise NotImplementedError

    def save_form(self, request: HttpRequest, form: ModelForm[Any], change: bool) -> Any:
        """Return the form's instance without saving: `create` and `change` do the writing, including many-to-many fields."""
        form.save_m2m = lambda: None  # type: ignore[method-assign]
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        values = form.cleaned_data
        if change:
            stored = self.get_queryset(request).get(pk=obj.pk)
            self.change(request, stored, {name: values[name] for name in form.changed_data if name in values})
        else:
            obj.pk = self.create(request, values).pk

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        raise NotImplementedError

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Log nothing, here and in the two methods below: actions write the audit log."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        pass

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        pass


class ScopedRelatedFilter(RelatedFieldListFilter):
    """A filter by a foreign key whose choices are the rows that the operator may see.

    Django's own filter would list the rows of every workspace.
    """

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(str(row.pk), str(row)) for row in model_admin.visible_objects(field.remote_field.model, request)]
