"""Serialiser fields for the internal JSON columns: as they are stored, with a shape in the OpenAPI document."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from insignia.credentials.internals import FLAGS


class AuditEntry(serializers.Serializer):
    """Who did what, when and from where."""

    at = serializers.DateTimeField()
    actor = serializers.CharField()
    action = serializers.CharField()
    source_ip = serializers.IPAddressField(protocol="IPv4")
    session = serializers.CharField()


class Storage(serializers.Serializer):
    """Where the rendered object is kept."""

    bucket = serializers.CharField()
    object_key = serializers.CharField()
    checksum_sha256 = serializers.CharField()
    region = serializers.CharField()
    replica_region = serializers.CharField()


class Costs(serializers.Serializer):
    """What the object costs the company."""

    currency = serializers.CharField()
    rendering = serializers.DecimalField(max_digits=8, decimal_places=4)
    storage = serializers.DecimalField(max_digits=8, decimal_places=4)
    delivery = serializers.DecimalField(max_digits=8, decimal_places=4)
    support_share = serializers.DecimalField(max_digits=8, decimal_places=4)


class Scoring(serializers.Serializer):
    """What the company's models make of the object."""

    model = serializers.CharField()
    fraud_risk = serializers.FloatField()
    engagement = serializers.FloatField()
    duplicate_of_probability = serializers.FloatField()
    segment = serializers.CharField()


class FeatureFlags(serializers.Serializer):
    """Which features are switched on for the object."""

    def get_fields(self) -> dict[str, serializers.Field]:
        """Return one boolean per known flag."""
        return {flag: serializers.BooleanField() for flag in FLAGS}


@extend_schema_field(AuditEntry(many=True))
class AuditTrailField(serializers.JSONField):
    """The audit trail, oldest entry first."""


@extend_schema_field(Storage)
class StorageField(serializers.JSONField):
    """Storage keys."""


@extend_schema_field(Costs)
class CostsField(serializers.JSONField):
    """Costs, as decimal strings."""


@extend_schema_field(Scoring)
class ScoringField(serializers.JSONField):
    """Scores between 0 and 1."""


@extend_schema_field(FeatureFlags)
class FeatureFlagsField(serializers.JSONField):
    """Feature flags."""
