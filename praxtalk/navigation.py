"""The navigation of the dashboard, in the order in which it is shown."""

from praxtalk.core.dashboard.site import NavItem

NAVIGATION = (
    NavItem("Overview", "admin:index"),
    NavItem("Inbox", "inbox", unread="inbox_unread"),
    NavItem("Leads", "admin:leads_lead_changelist"),
    NavItem("Visitors", "admin:conversations_visitor_changelist"),
    NavItem("Canned replies", "admin:conversations_cannedreply_changelist"),
    NavItem("Tags", "admin:conversations_tag_changelist"),
    NavItem("Brands", "admin:brands_brand_changelist", "brands"),
    NavItem("Integrations", "integrations", "integrations"),
    NavItem("Team", "admin:accounts_operator_changelist", "team"),
    NavItem("Audit log", "admin:accounts_auditentry_changelist", "audit"),
    NavItem("Settings", "workspace", "workspace"),
)
