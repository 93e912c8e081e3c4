"""Django settings; everything that differs between installations comes from INSIGNIA_* variables."""

import os
from datetime import timedelta
from pathlib import Path

from insignia.secret_key import read_or_create_secret_key

DATA_DIR = Path(os.environ.get("INSIGNIA_DATA_DIR", "insignia-data")).resolve()
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)

SECRET_KEY = read_or_create_secret_key(DATA_DIR / "secret.key")
DEBUG = False
ALLOWED_HOSTS = os.environ.get("INSIGNIA_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "rest_framework",
    "drf_spectacular",
    "insignia.credentials",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.common.CommonMiddleware",
]
ROOT_URLCONF = "insignia.urls"
WSGI_APPLICATION = "insignia.wsgi.application"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
APPEND_SLASH = False

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "insignia.sqlite3",
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            # A write that first read would otherwise fail at once, not wait, when another one is under way.
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

MEDIA_ROOT = DATA_DIR / "evidence"
FILE_UPLOAD_PERMISSIONS = 0o600
EVIDENCE_MAX_BYTES = 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["insignia.access.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "insignia.credentials.filters.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": SECRET_KEY,
    "ISSUER": "insignia",
    "USER_ID_CLAIM": "sub",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=1),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Insignia",
    "VERSION": "1.0.0",
    "DESCRIPTION": "Issues badges to recipients and keeps the awards: the internal API of a fictional company.",
    "OAS_VERSION": "3.0.3",
    "SCHEMA_PATH_PREFIX": r"/api/",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "insignia.schema.add_error_responses",
    ],
    "SERVE_PUBLIC": True,
    "TAGS": [
        {"name": "issuers", "description": "Who issues badges."},
        {"name": "badges", "description": "What can be awarded."},
        {"name": "recipients", "description": "Who can receive awards."},
        {"name": "awards", "description": "Badges given to recipients, with their evidence."},
        {"name": "auth", "description": "Tokens for Insignia's own users."},
        {"name": "operations", "description": "Health and this document."},
    ],
}

# Whose tokens are trusted besides those of Insignia's own users; all three, or nobody's.
TRUSTED_ISSUER = os.environ.get("INSIGNIA_TRUSTED_ISSUER", "")
TRUSTED_AUDIENCE = os.environ.get("INSIGNIA_TRUSTED_AUDIENCE", "")
JWKS_URL = os.environ.get("INSIGNIA_JWKS_URL", "")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "insignia": {"handlers": ["stderr"], "level": "INFO"},
        "django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
    },
}
