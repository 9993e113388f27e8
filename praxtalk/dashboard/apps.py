from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "praxtalk.dashboard"
    label = "dashboard"
