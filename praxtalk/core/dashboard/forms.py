"""How forms are shown: every `{{ form }}` uses templates/dashboard/fields.html."""

from django.forms.renderers import TemplatesSetting


class FormRenderer(TemplatesSetting):
    form_template_name = "dashboard/fields.html"
