"""The dashboard's list of leads."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import QuerySet
from django.forms import CharField, ModelForm, Textarea
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone

from accounts.audit import Action, record
from accounts.middleware import current_scope
from conversations.search import search_rows
from leads.actions import create_lead, update_lead
from leads.models import Lead
from leads.serializers import MAX_NOTES_LENGTH
from praxtalk.core.api.outgoing_slots import NoFreeSlot
from praxtalk.core.dashboard.admin import INVALID_LOOKUP_ERRORS, ScopedRelatedFilter, WorkspaceAdmin
from praxtalk.core.dashboard.export import csv_response
from praxtalk.core.dashboard.site import dashboard

CSV_COLUMNS = {
    "Name": lambda lead: lead.name,
    "E-mail": lambda lead: lead.email,
    "Phone": lambda lead: lead.phone,
    "Status": lambda lead: lead.get_status_display(),
    "Brand": lambda lead: lead.brand.name if lead.brand else "",
    "Notes": lambda lead: lead.notes,
    "Created": lambda lead: lead.created_at.isoformat(timespec="seconds"),
    "Id": lambda lead: lead.pk,
}

# Names of the filters of an export, for the audit log. The values are not logged: a search may contain a person's name.
FILTER_LABELS = {SEARCH_VAR: "search", "status__exact": "status", "brand__id__exact": "brand", "days": "created"}


class LeadForm(ModelForm[Lead]):
    class Meta:
        model = Lead
        fields = ("name", "email", "phone", "brand", "status", "notes")

    notes = CharField(max_length=MAX_NOTES_LENGTH, required=False, widget=Textarea(attrs={"rows": 6, "cols": 60}))


class CreatedFilter(admin.SimpleListFilter):
    """Filter by the time of creation."""

    title = "created"
    parameter_name = "days"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", "Last 24 hours"), ("7", "Last 7 days"), ("30", "Last 30 days")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        days = {"1", "7", "30"} & {self.value()}
        since = timezone.now() - timedelta(days=int(days.pop())) if days else None
        return queryset.filter(created_at__gte=since) if since else queryset


@admin.register(Lead, site=dashboard)
class LeadAdmin(WorkspaceAdmin):
    """The list of leads, newest first. Changes use the same actions as the REST API, so that webhooks are sent."""

    url_prefix = "leads"
    can_add = can_change = True
    form = LeadForm
    list_display = ("name", "email", "phone", "status", "brand", "created_at")
    list_select_related = ("brand",)
    list_filter = ("status", ("brand", ScopedRelatedFilter), CreatedFilter)
    search_fields = ("name",)  # shows the search box; get_search_results does the search
    search_help_text = "Search by name, e-mail address, phone number or notes"
    ordering = ("-created_at", "-id")
    sortable_by = ()
    change_list_template = "leads/leads.html"

    def get_urls(self) -> list[URLPattern]:
        export = self.admin_site.admin_view(self.export)
        return [path("export/", export, name="leads_lead_export"), *super().get_urls()]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("email", "phone", "brand", "created_at", "updated_at") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fields = ("name", "email", "phone", "brand", "status", "notes")
        return (*fields, "created_at", "updated_at") if obj else fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return search_rows(queryset, search_term), False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Require a brand from operators who see only some brands: they could not see a lead without one."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if "brand" in form.base_fields:
            form.base_fields["brand"].required = current_scope(request).brand_ids is not None
        return form

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {
            f"mark_{status}": (_status_action(status), f"mark_{status}", f"Mark as {status.label.lower()}")
            for status in Lead.Status
        }

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Lead:
        return create_lead(current_scope(request).workspace_id, **values)

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> None:
        update_lead(row, **values)

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Return the leads that the list shows with the same filters, as CSV."""
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except INVALID_LOOKUP_ERRORS:
            return redirect("admin:leads_lead_changelist")
        filters = sorted(label for name, label in FILTER_LABELS.items() if request.GET.get(name)) or ["nothing"]
        record(Action.LEADS_EXPORTED, workspace_id=current_scope(request).workspace_id, filtered_by=filters)
        try:
            return csv_response("leads", CSV_COLUMNS, rows.iterator(chunk_size=2000))
        except NoFreeSlot as error:
            messages.error(request, str(error.detail))
            return redirect("admin:leads_lead_changelist")


def _status_action(status: Lead.Status) -> Any:
    """Return an admin action that sets the status of the selected leads."""

    def mark(admin: LeadAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        rows = list(queryset)
        for lead in rows:
            update_lead(lead, status=status)
        messages.success(request, f"Marked {len(rows)} lead{'s' * (len(rows) != 1)} as {status.label.lower()}.")

    return mark
