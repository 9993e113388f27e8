"""The navigation of the dashboard, in the order in which it is shown. Phones show the first four items at the bottom."""

from praxtalk.core.dashboard.site import NavItem

NAVIGATION = (
    NavItem("Inbox", "inbox", "inbox", unread="inbox_unread"),
    NavItem("Visitors", "admin:conversations_visitor_changelist", "users"),
    NavItem("Leads", "admin:leads_lead_changelist", "contact"),
    NavItem("Overview", "admin:index", "chart-column"),
    NavItem("Canned replies", "admin:conversations_cannedreply_changelist", "message-square-text", starts_group=True),
    NavItem("Tags", "admin:conversations_tag_changelist", "tag"),
    NavItem("Brands", "admin:brands_brand_changelist", "store", "brands", starts_group=True),
    NavItem("Integrations", "integrations", "plug", "integrations"),
    NavItem("Team", "admin:accounts_operator_changelist", "users-round", "team"),
    NavItem("Audit log", "admin:accounts_auditentry_changelist", "scroll-text", "audit"),
    NavItem("Settings", "workspace", "settings", "workspace"),
)
