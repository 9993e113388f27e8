"""What drf-spectacular makes the OpenAPI document and its page from."""

SPECTACULAR_SETTINGS = {
    "TITLE": "PraxTalk REST API",
    "DESCRIPTION": "Run PraxTalk from your own CRM.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "PREPROCESSING_HOOKS": ["praxtalk.api.openapi.only_rest"],
    "POSTPROCESSING_HOOKS": ["praxtalk.api.openapi.describe_every_answer"],
    "WEBHOOKS": [
        f"integrations.webhooks.openapi.{name}"
        for name in (
            "CONVERSATION_CREATED",
            "CONVERSATION_STATUS_CHANGED",
            "MESSAGE_CREATED",
            "LEAD_CREATED",
            "LEAD_STATUS_CHANGED",
        )
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "COMPONENT_SPLIT_REQUEST": True,
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
}
