from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "praxtalk.core.api"
    label = "api"
