"""Paths of the control plane's public port."""

from __future__ import annotations

from django.urls import path

from portazgo.control.api import api
from portazgo.control.health import health
from portazgo.control.wellknown import discovery, jwks

urlpatterns = [
    path("api/v1/", api.urls),
    path("health", health),
    path(".well-known/jwks.json", jwks),
    path(".well-known/openid-configuration", discovery),
]
