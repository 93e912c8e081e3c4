"""Paths of the control plane's public port."""

from __future__ import annotations

from functools import partial

from django.urls import path

from portazgo.control.api import api
from portazgo.control.health import health
from portazgo.control.middleware import answer_for_django
from portazgo.control.wellknown import discovery, jwks
from portazgo.leaks.reports import receive

urlpatterns = [
    path("api/v1/security/leaks", receive),
    path("api/v1/", api.urls),
    path("health", health),
    path(".well-known/jwks.json", jwks),
    path(".well-known/openid-configuration", discovery),
    # Issuers whose URL has a path: their documents are under it.
    path("<path:path>/.well-known/jwks.json", jwks),
    path("<path:path>/.well-known/openid-configuration", discovery),
]

# What Django answers by itself, also where our middleware is not around it.
handler400 = partial(answer_for_django, 400)
handler403 = partial(answer_for_django, 403)
handler404 = partial(answer_for_django, 404)
handler500 = partial(answer_for_django, 500)
