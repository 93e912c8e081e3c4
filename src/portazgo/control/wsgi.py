"""The WSGI application; `control.boot.boot` comes first."""

from __future__ import annotations

from django.core.handlers.wsgi import WSGIHandler

application = WSGIHandler()
