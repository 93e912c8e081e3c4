"""The answer for addresses that don't exist."""

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView


@extend_schema(exclude=True)
class UnknownAddressView(APIView):
    """404 in DRF's form, but 401 without a valid token: strangers can't probe for addresses."""

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Check the token first, for any method, then say that there is nothing here."""
        super().initial(request, *args, **kwargs)
        raise NotFound
