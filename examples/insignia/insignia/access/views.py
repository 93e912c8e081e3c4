"""Login and refresh for Insignia's own users."""

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView


@extend_schema_view(post=extend_schema(operation_id="auth_login", tags=["auth"], auth=[]))
class LoginView(TokenObtainPairView):
    """Exchange user name and password for an access and a refresh token."""


@extend_schema_view(post=extend_schema(operation_id="auth_refresh", tags=["auth"], auth=[]))
class RefreshView(TokenRefreshView):
    """Exchange a refresh token for a new access token."""
