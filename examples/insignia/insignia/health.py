"""Whether Insignia can answer: open, since load balancers hold no token."""

from django.db import connection
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class HealthSerializer(serializers.Serializer):
    """What the health check says."""

    status = serializers.CharField()


class HealthView(APIView):
    """200 when the database answers."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(operation_id="health", tags=["operations"], auth=[], responses=HealthSerializer)
    def get(self, request: Request) -> Response:
        """Say that the service is up and its database answers."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return Response(HealthSerializer({"status": "ok"}).data)
