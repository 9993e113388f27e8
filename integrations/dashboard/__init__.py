"""The pages below /app/integrations: API keys, webhooks, the log of their deliveries, and the Agent SDK.

/app/integrations itself redirects to the first tab, `KeysView`.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse

from accounts.middleware import current_operator, current_scope
from accounts.roles import Ability
from accounts.scope import Row
from brands.models import Brand
from praxtalk.core.dashboard.form_tokens import new_form_id
from praxtalk.core.dashboard.views import DashboardView

TABS = {
    "keys": ("API keys", "keys"),
    "webhooks": ("Webhooks", "webhooks"),
    "events": ("Event log", "event_log"),
    "sdk": ("Agent SDK", "agent_sdk"),
}


class IntegrationsView(DashboardView):
    """Base of the four tabs and the pages below them. tab: a key of TABS."""

    ability = Ability.INTEGRATIONS
    title = "Integrations"
    tab = ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        tabs = [
            {"title": title, "url": reverse(url), "is_current": name == self.tab} for name, (title, url) in TABS.items()
        ]
        more = {"tabs": tabs, "base_url": settings.BASE_URL, "form_id": new_form_id()}
        return super().get_context_data(**{**more, **kwargs})

    def get_or_404(self, rows: QuerySet[Row, Row], row_id: UUID, *, brand_field: str = "brand_id") -> Row:
        """Return the row with this id. Raises Http404 if there is none or the operator may not see it."""
        return current_scope(self.request).get(rows, row_id, brand_field=brand_field)

    def brands(self) -> QuerySet[Brand]:
        """Return the brands to which the operator may limit a key or a webhook."""
        return current_scope(self.request).rows(Brand.objects.order_by("created_at"), brand_field="pk")

    @property
    def sees_all_brands(self) -> bool:
        return current_operator(self.request).sees_all_brands
