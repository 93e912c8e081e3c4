"""Django's settings, made of Portazgo's own (`portazgo.settings`)."""

from __future__ import annotations

import secrets

from portazgo.control.database_options import databases
from portazgo.control.registry import NOUNS
from portazgo.settings import current

PORTAZGO = current()

DEBUG = False
# Nothing is signed with it: no sessions, no cookies, no password resets. Django wants one.
SECRET_KEY = secrets.token_hex(32)
ALLOWED_HOSTS = ["*"]  # answers hold no address made from Host
INSTALLED_APPS = [noun.app for noun in NOUNS]
MIDDLEWARE = [
    "portazgo.control.middleware.Requests",
    "portazgo.control.middleware.Problems",
    "portazgo.control.middleware.Bodies",
    "portazgo.control.idempotency.Idempotency",
]
ROOT_URLCONF = "portazgo.control.urls"
WSGI_APPLICATION = "portazgo.control.wsgi.application"
DATABASES = databases(PORTAZGO)
DATABASE_ROUTERS = ["portazgo.control.routing.ByAppLabel"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
APPEND_SLASH = False
LOGGING_CONFIG = None  # kit.logs configures them
DATA_UPLOAD_MAX_MEMORY_SIZE = None  # middleware.Bodies says what is too large, in a problem document
