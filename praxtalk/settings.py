"""Settings. The environment is read here and nowhere else; docs/operations.md lists each variable.

Sections: environment, apps, data, REST, webhooks and timed work, security, logs.
"""

import ipaddress
import warnings
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from redis.backoff import NoBackoff
from redis.retry import Retry

from praxtalk.logs import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent

# --- environment ------------------------------------------------------------------------------------------------------

env = environ.Env()


def _required(name: str, hint: str) -> str:
    value: str = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set: {hint}. `python manage.py` provides one for development.")
    return value


def _networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    try:
        return [ipaddress.ip_network(text.strip()) for text in env.list(name, default=[])]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} takes networks like 10.0.0.0/8, separated by commas: {error}.") from error


def _at_least_one(name: str, default: int) -> int:
    value: int = env.int(name, default=default)
    if value < 1:
        raise ImproperlyConfigured(f"{name} must be 1 or more, not {value}.")
    return value


DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = _required("SECRET_KEY", "at least 50 random characters that sign cursors and sessions")
ENCRYPTION_KEYS = _required("ENCRYPTION_KEYS", "id:key pairs of Fernet keys, the newest first, separated by commas")
DATABASE_URL = _required("DATABASE_URL", "postgresql://user:password@host/name")
REDIS_URL = _required("REDIS_URL", "redis://:password@host:6379/0, for Valkey or Redis")
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data")))
HOST = env.str("HOST", default="127.0.0.1")
PORT = env.int("PORT", default=8000)
BASE_URL = env.str("BASE_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]", urlsplit(BASE_URL).hostname])
WEB_PROCESSES = env.int("WEB_PROCESSES", default=0)
SERVE_PID = env.int("SERVE_PID", default=0)
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
LOG_FORMAT = env.str("LOG_FORMAT", default="console")
TRUSTED_PROXIES = _networks("TRUSTED_PROXIES")
RATE_LIMIT_IP = _at_least_one("RATE_LIMIT_IP", 60)
RATE_LIMIT_READ_KEY = _at_least_one("RATE_LIMIT_READ_KEY", 6000)
RATE_LIMIT_WRITE_KEY = _at_least_one("RATE_LIMIT_WRITE_KEY", 600)
WEBHOOK_ALLOW_CIDRS = _networks("WEBHOOK_ALLOW_CIDRS")

# --- apps -------------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "daphne",
    "praxtalk.dashboard.apps.DashboardConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "praxtalk",
    "praxtalk.api",
    "brands",
    "integrations",
    "conversations",
    "leads",
]
MIDDLEWARE = [
    "praxtalk.api.request_id.RequestIdMiddleware",
    "praxtalk.api.cors.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "praxtalk.dashboard.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "praxtalk.urls"
ASGI_APPLICATION = "praxtalk.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True  # serves what collectstatic has not collected, so a laptop needs no such step
warnings.filterwarnings("ignore", message="No directory at", category=UserWarning)

# --- data -------------------------------------------------------------------------------------------------------------

DATABASES = {"default": env.db_url("DATABASE_URL", engine="django.db.backends.postgresql")}
DATABASES["default"] |= {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "brands.Operator"
VALKEY_TIMEOUT_SECONDS = 0.2
VALKEY_OPTIONS = {
    "socket_timeout": VALKEY_TIMEOUT_SECONDS,
    "socket_connect_timeout": VALKEY_TIMEOUT_SECONDS,
    "retry": Retry(NoBackoff(), 0),
}
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "praxtalk",
        "OPTIONS": {"CONNECTION_POOL_KWARGS": VALKEY_OPTIONS},
    }
}

# --- REST -------------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["integrations.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["praxtalk.api.permissions.WriteScopeToWrite"],
    "DEFAULT_PARSER_CLASSES": ["praxtalk.api.json.JsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["praxtalk.api.json.JsonRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "praxtalk.api.json.AlwaysJson",
    "DEFAULT_SCHEMA_CLASS": "praxtalk.api.openapi.Schema",
    "EXCEPTION_HANDLER": "praxtalk.api.errors.answer",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
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
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
RATELIMIT_CACHE_PREFIX = "limit:"
SILENCED_SYSTEM_CHECKS = [
    "auth.E003",  # an operator's e-mail is unique in lower case, which the check does not see
    "django_ratelimit.E003",  # it knows no django_redis; that this cache counts across processes is tested
    "django_ratelimit.W001",
]

# --- webhooks and timed work ------------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": "celery:"}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"integrations.tasks.pump": {"queue": "webhooks"}}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_BEAT_SCHEDULE = {
    "pump": {"task": "integrations.tasks.pump", "schedule": timedelta(seconds=5), "options": {"expires": 5}},
    "wake-snoozed": {
        "task": "conversations.tasks.wake_snoozed",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 10},
    },
    "forget-answers": {
        "task": "praxtalk.api.tasks.forget_answers",
        "schedule": timedelta(minutes=10),
        "options": {"expires": 600},
    },
}

# --- security ---------------------------------------------------------------------------------------------------------

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "/app/login/"
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [BASE_URL]
if BASE_URL.startswith("https://"):
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    if TRUSTED_PROXIES:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- logs -------------------------------------------------------------------------------------------------------------

LOGGING = logging_config(level=LOG_LEVEL, as_json=LOG_FORMAT == "json")
