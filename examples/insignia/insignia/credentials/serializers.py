"""What crosses HTTP: whole rows, internal columns included, as backends do that only ever had one client."""

from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from rest_framework import serializers

from insignia.credentials.internal_fields import (
    AuditTrailField,
    CostsField,
    FeatureFlagsField,
    ScoringField,
    StorageField,
)
from insignia.credentials.models import Award, Badge, Evidence, Issuer, Recipient

COST_CENTER = r"^[A-Z]{2}-[0-9]{3}\Z"
EVIDENCE_TYPES = ("application/pdf", "image/png", "image/jpeg", "text/plain")
INTERNAL_FIELDS = (
    "created_at",
    "updated_at",
    "row_version",
    "tenant_shard",
    "audit_trail",
    "storage",
    "feature_flags",
    "costs",
    "scoring",
    "internal_notes",
)


class InternalsSerializer(serializers.ModelSerializer):
    """The internal columns that every object has."""

    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)
    row_version = serializers.IntegerField(read_only=True)
    tenant_shard = serializers.CharField(read_only=True)
    audit_trail = AuditTrailField(read_only=True)
    storage = StorageField(read_only=True)
    feature_flags = FeatureFlagsField(read_only=True)
    costs = CostsField(read_only=True)
    scoring = ScoringField(read_only=True)
    internal_notes = serializers.CharField(read_only=True)


class IssuerSerializer(InternalsSerializer):
    """An organisation that issues badges."""

    url = serializers.HyperlinkedIdentityField(view_name="issuer-detail")

    class Meta:
        model = Issuer
        fields = (
            "id",
            "url",
            "name",
            "slug",
            "country",
            "website",
            "description",
            "verified",
            "billing_account",
            "account_manager",
            "margin_percent",
            *INTERNAL_FIELDS,
        )


class BadgeSerializer(InternalsSerializer):
    """Something that can be awarded."""

    url = serializers.HyperlinkedIdentityField(view_name="badge-detail")
    issuer_url = serializers.HyperlinkedRelatedField(source="issuer", view_name="issuer-detail", read_only=True)
    skills = serializers.ListField(child=serializers.CharField(max_length=40), max_length=10)
    template_key = serializers.CharField(read_only=True)

    class Meta:
        model = Badge
        fields = (
            "id",
            "url",
            "issuer",
            "issuer_url",
            "title",
            "description",
            "criteria",
            "level",
            "skills",
            "image_url",
            "published",
            "template_key",
            *INTERNAL_FIELDS,
        )


class RecipientSerializer(InternalsSerializer):
    """A person who can receive awards."""

    url = serializers.HyperlinkedIdentityField(view_name="recipient-detail")

    class Meta:
        model = Recipient
        fields = (
            "id",
            "url",
            "display_name",
            "locale",
            "country",
            "legal_name",
            "email",
            "phone",
            "birth_date",
            "national_id",
            "postal_address",
            "marketing_consent",
            *INTERNAL_FIELDS,
        )


class AwardSerializer(InternalsSerializer):
    """A badge given to a recipient."""

    url = serializers.HyperlinkedIdentityField(view_name="award-detail")
    badge = serializers.PrimaryKeyRelatedField(queryset=Badge.objects.filter(published=True))
    badge_url = serializers.HyperlinkedRelatedField(source="badge", view_name="badge-detail", read_only=True)
    # What accounting could not book is refused.
    cost_center = serializers.RegexField(
        COST_CENTER,
        error_messages={"invalid": "Must be two capital letters, a hyphen and three digits, like IN-204."},
    )

    class Meta:
        model = Award
        fields = (
            "id",
            "url",
            "serial",
            "verification_code",
            "badge",
            "badge_url",
            "recipient",
            "status",
            "issued_on",
            "expires_on",
            "revoked_at",
            "revocation_reason",
            "note",
            "external_reference",
            "cost_center",
            *INTERNAL_FIELDS,
        )
        read_only_fields = ("serial", "verification_code", "status", "revoked_at", "revocation_reason")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse an award that ends before it begins."""
        expires_on = attrs.get("expires_on")
        if expires_on is not None and expires_on <= attrs["issued_on"]:
            raise serializers.ValidationError({"expires_on": ["Must be after issued_on."]})
        return attrs


class RevocationSerializer(serializers.Serializer):
    """Why an award is withdrawn."""

    reason = serializers.CharField(min_length=5, max_length=200)


class EvidenceSerializer(InternalsSerializer):
    """A file that shows why an award was given."""

    file = serializers.FileField(write_only=True)
    content_url = serializers.SerializerMethodField()

    class Meta:
        model = Evidence
        fields = (
            "id",
            "award",
            "file",
            "file_name",
            "content_type",
            "size",
            "sha256",
            "caption",
            "content_url",
            *INTERNAL_FIELDS,
        )
        read_only_fields = ("award", "file_name", "content_type", "size", "sha256")

    def get_content_url(self, evidence: Evidence) -> str:
        """Return the absolute address of the file itself."""
        path = f"/api/awards/{evidence.award_id}/evidence/{evidence.pk}/content/"
        return self.context["request"].build_absolute_uri(path)

    def validate_file(self, file: UploadedFile) -> UploadedFile:
        """Refuse files that are too large or of a type that nobody could look at."""
        if file.size > settings.EVIDENCE_MAX_BYTES:
            raise serializers.ValidationError(f"Must not be larger than {settings.EVIDENCE_MAX_BYTES} bytes.")
        if file.content_type not in EVIDENCE_TYPES:
            raise serializers.ValidationError(f"Must be one of {', '.join(EVIDENCE_TYPES)}.")
        return file
