"""Django REST Framework accepts the tokens that Portazgo signs (docs/your-backend.md). Install `portazgo[drf]`.

PORTAZGO_DRF = {"ISSUER": "https://gateway.example", "AUDIENCE": "parcels"}
REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["portazgo.contrib.drf.PortazgoAuthentication"]}
"""

from portazgo.contrib.drf.authentication import Caller, PortazgoAuthentication, PortazgoToken
from portazgo.contrib.drf.permissions import HasScope

__all__ = ["Caller", "HasScope", "PortazgoAuthentication", "PortazgoToken"]
