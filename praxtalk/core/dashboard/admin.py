"""A model's pages in the dashboard, which see only what their operator may see."""

from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import ModelAdmin, RelatedFieldListFilter, ShowFacets
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import DataError, IntegrityError
from django.db.models import Model, QuerySet
from django.forms import CharField, ModelForm, Textarea
from django.http import Http404, HttpRequest
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.functional import cached_property

from praxtalk.core.validators import check_visible

MAX_COUNT = 10_000
# What a query raises that asks for no such thing.
INVALID_LOOKUP_ERRORS = (DataError, ValidationError, ValueError, OverflowError, IncorrectLookupParameters)


class BoundedPaginator(Paginator[Any]):
    """Counts no further than MOST_COUNTED: what lies behind is found by search and filters, and no page waits for a count."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:MAX_COUNT].count())  # in its order, which leads to its index


class WorkspaceAdmin(ModelAdmin[Any]):
    """A ModelAdmin whose every query starts from the operator's scope, and whose writes are actions.

    place: where its pages are, below /app/; ability: what one must be allowed to do to see them; ability_to_change: to write.
    brand_field: which field holds the brand's id; None: the rows belong to the whole workspace.
    A subclass that has forms overrides `create` and `change`, which call an action; nothing else is ever saved.
    """

    url_prefix: ClassVar[str]
    ability: ClassVar[str] = "answer"
    ability_to_change: ClassVar[str] = ""
    brand_field: ClassVar[str | None] = "brand_id"
    may_add: ClassVar[bool] = False
    may_change: ClassVar[bool] = False
    may_delete: ClassVar[bool] = False
    title: ClassVar[str] = ""  # of the list; empty: what the model's rows are called
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 200
    view_on_site = False
    show_facets = ShowFacets.NEVER

    def rows(self, request: HttpRequest, rows: QuerySet[Any], brand_field: str | None) -> QuerySet[Any]:
        """Those of them that the operator may see."""
        scope: Any = request.scope  # type: ignore[attr-defined]
        if brand_field is None:
            return rows.filter(workspace_id=scope.workspace_id)
        visible_objects: QuerySet[Any] = scope.rows(rows, brand_field=brand_field)
        return visible_objects

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.rows(request, super().get_queryset(request), self.brand_field)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Raises Http404 for what is not there as for what is somebody else's. Django's own tells, on another page."""
        row = super().get_object(request, object_id, from_field)
        if row is None:
            raise Http404
        return row

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """By its filters only. Django lets an address ask for any field: whether somebody's password hash begins with an a."""
        filters = [each[0] if isinstance(each, tuple) else each for each in self.get_list_filter(request)]
        names = [getattr(each, "parameter_name", each) for each in filters]
        return lookup.partition("__")[0] in names and super().lookup_allowed(lookup, value, request)

    def get_urls(self) -> list[URLPattern]:
        """Without Django's own history: that is the audit log's."""
        return [url for url in super().get_urls() if not str(url.name).endswith("_history")]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Titled by what it lists. A query that no database takes leads to the whole list, as Django does with other nonsense."""
        title = self.title or str(self.opts.verbose_name_plural).capitalize()
        try:
            return super().changelist_view(request, {"title": title, **(extra_context or {})})
        except INVALID_LOOKUP_ERRORS:
            if request.method == "POST":
                raise
            return redirect(request.path)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """What an action refuses though the form did not, as for two people at the same time, is told."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        except IntegrityError:
            messages.error(request, "Somebody has saved the same at the same time. Look whether it is there already.")
        return redirect(request.get_full_path())

    # who may -------------------------------------------------------------------------------------------------------------

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_authenticated and request.user.may(self.ability))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may_add and self._may_write(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may_change and self._may_write(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may_delete and self._may_write(request)

    def _may_write(self, request: HttpRequest) -> bool:
        needed = self.ability_to_change or self.ability
        return self.has_module_permission(request) and request.user.may(needed)  # type: ignore[union-attr]

    # what forms and filters offer ------------------------------------------------------------------------------------------

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> QuerySet[Any]:
        """What a foreign key may be set to: what the operator sees of that model."""
        return self.visible_objects(db_field.remote_field.model, request)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A choice without the buttons that lead away from the form; a line of text that can be read."""
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(getattr(field, "widget", None), RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        if isinstance(field, CharField) and not isinstance(field.widget, Textarea):
            field.validators.append(check_visible)
        return field

    def visible_objects(self, model: type[Model], request: HttpRequest) -> QuerySet[Any]:
        """The rows of another model that the operator sees, by its own admin. Raises NotRegistered where it has none."""
        return self.admin_site.get_model_admin(model).get_queryset(request)

    # what is written: by actions, and by nothing else -----------------------------------------------------------------------

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Model:
        """The new row of a form's cleaned values."""
        raise NotImplementedError

    def change(self, request: HttpRequest, row: Model, values: dict[str, Any]) -> None:
        """Give the row the cleaned values of a form."""
        raise NotImplementedError

    def save_form(self, request: HttpRequest, form: ModelForm[Any], change: bool) -> Any:
        """The row as it is, not as the form would write it: what has changed is what `change` does."""
        form.save_m2m = lambda: None  # type: ignore[method-assign]
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        values = form.cleaned_data
        if change:
            stored = self.get_queryset(request).get(pk=obj.pk)
            self.change(request, stored, {name: values[name] for name in form.changed_data if name in values})
        else:
            made = self.create(request, values)
            obj.pk = made.pk

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        raise NotImplementedError

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Nothing: actions write the audit log. So below."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        pass

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        pass


class ScopedRelatedFilter(RelatedFieldListFilter):
    """A filter by a foreign key that offers what the operator sees. Django's own names every row of every workspace."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(str(row.pk), str(row)) for row in model_admin.visible_objects(field.remote_field.model, request)]
