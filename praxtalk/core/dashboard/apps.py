from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "praxtalk.core.dashboard"
    label = "dashboard"
