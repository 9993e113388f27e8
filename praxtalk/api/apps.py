from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "praxtalk.api"
    label = "api"
