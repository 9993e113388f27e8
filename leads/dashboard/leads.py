"""The dashboard's list of leads."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import QuerySet
from django.forms import CharField, ModelForm, Textarea, ValidationError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html

from accounts.audit import Action, record
from accounts.middleware import current_scope
from conversations.search import search_rows
from leads.actions import create_lead, update_lead
from leads.models import Lead
from leads.serializers import MAX_NOTES_LENGTH
from praxtalk.core.api.outgoing_slots import NoFreeSlot
from praxtalk.core.dashboard.admin import INVALID_LOOKUP_ERRORS, ScopedRelatedFilter, WorkspaceAdmin
from praxtalk.core.dashboard.export import csv_response

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

DUPLICATE = 'There is already a lead with this e-mail: <a href="{}">{}</a> ({}). Save again if you want to keep both.'
CONFIRMED_EMAIL = "confirmed_email"  # the hidden field with the address about which the form has warned

# Names of the filters of an export, for the audit log. The values are not logged: a search may contain a person's name.
FILTER_LABELS = {SEARCH_VAR: "search", "status__exact": "status", "brand__id__exact": "brand", "days": "created"}


class LeadForm(ModelForm[Lead]):
    """A lead's details. An e-mail address that another lead has is refused once, with a link to that lead.

    visible_leads: the leads that the operator sees.
    """

    visible_leads: QuerySet[Lead]

    class Meta:
        model = Lead
        fields = ("name", "email", "phone", "brand", "status", "notes")
        labels = {"email": "E-mail"}  # noqa: RUF012 - an attribute that Django defines

    notes = CharField(max_length=MAX_NOTES_LENGTH, required=False, widget=Textarea(attrs={"rows": 6, "cols": 60}))

    def clean_email(self) -> str:
        """Warn about another lead with this address, unless the form was submitted after that warning."""
        email: str = self.cleaned_data["email"]
        if "email" not in self.changed_data:
            return email
        if self.data.get(CONFIRMED_EMAIL, "").lower() == email.lower():
            self.email_to_confirm = email  # in case another field is wrong
            return email
        others: Any = self.visible_leads.exclude(pk=self.instance.pk)
        duplicate = others.with_email(email).order_by("-created_at", "-id").first()
        if duplicate:
            self.email_to_confirm = email  # the template puts it into a hidden field
            page = reverse("admin:leads_lead_change", args=[duplicate.pk])
            raise ValidationError(format_html(DUPLICATE, page, duplicate.name, duplicate.get_status_display()))
        return email


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


class LeadAdmin(WorkspaceAdmin):
    """The list of leads, newest first. Changes use the same actions as the REST API, so that webhooks are sent."""

    url_prefix = "leads"
    can_add = can_change = True
    form = LeadForm
    list_display = ("name", "email_address", "phone", "status", "brand", "created")
    empty_icon = "contact"
    list_select_related = ("brand",)
    list_filter = ("status", ("brand", ScopedRelatedFilter), CreatedFilter)
    search_fields = ("name",)  # shows the search box; get_search_results does the search
    search_help_text = "Search by name, e-mail address, phone number or notes"
    ordering = ("-created_at", "-id")
    sortable_by = ()
    change_list_template = "leads/leads.html"
    change_form_template = "leads/lead.html"

    def get_urls(self) -> list[URLPattern]:
        export = self.admin_site.admin_view(self.export)
        return [
            path("export/", export, name="leads_lead_export"),
            path("export/semicolons/", export, {"separator": ";"}, name="leads_lead_export_semicolons"),
            *super().get_urls(),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("brand", "conversation_link", "visitor_link", "created_at", "updated_at") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fields = ("name", "email", "phone", "brand", "status", "notes")
        return (*fields, "conversation_link", "visitor_link", "created_at", "updated_at") if obj else fields

    @admin.display(description="conversation", empty_value="None")
    def conversation_link(self, lead: Lead) -> str | None:
        """Return a link that opens the lead's conversation in the inbox. Its brand is the lead's, so the operator sees it."""
        if lead.conversation is None:
            return None
        page = reverse("inbox_conversation", args=[lead.conversation_id])
        return format_html('<a href="{}">{}</a>', page, lead.conversation.preview or "Open in the inbox")

    @admin.display(description="visitor", empty_value="None")
    def visitor_link(self, lead: Lead) -> str | None:
        if lead.conversation is None:
            return None
        page = reverse("admin:conversations_visitor_change", args=[lead.conversation.visitor_id])
        return format_html('<a href="{}">{}</a>', page, lead.conversation.visitor)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return search_rows(queryset, search_term), False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Require a brand from operators who see only some brands: they could not see a lead without one."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.visible_leads = self.get_queryset(request)
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

    def export(self, request: HttpRequest, separator: str = ",") -> HttpResponseBase:
        """Return the leads that the list shows with the same filters, as CSV."""
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except INVALID_LOOKUP_ERRORS:
            return redirect("admin:leads_lead_changelist")
        filters = sorted(label for name, label in FILTER_LABELS.items() if request.GET.get(name)) or ["nothing"]
        record(Action.LEADS_EXPORTED, workspace_id=current_scope(request).workspace_id, filtered_by=filters)
        try:
            return csv_response("leads", CSV_COLUMNS, rows.iterator(chunk_size=2000), separator=separator)
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
