"""Every address that Insignia answers; the rest is 404, and that only to callers it knows."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView

from insignia.access.views import LoginView, RefreshView
from insignia.credentials.urls import router
from insignia.health import HealthView
from insignia.schema import document_schema_view
from insignia.unknown_address import UnknownAddressView

urlpatterns = [
    path("api/auth/token/", LoginView.as_view(), name="token"),
    path("api/auth/token/refresh/", RefreshView.as_view(), name="token-refresh"),
    path("api/health/", HealthView.as_view(), name="health"),
    path("api/schema/", document_schema_view(SpectacularAPIView).as_view(), name="schema"),
    path("api/", include(router.urls)),
    re_path(r"^", UnknownAddressView.as_view()),
]
handler400 = "rest_framework.exceptions.bad_request"
handler500 = "rest_framework.exceptions.server_error"
