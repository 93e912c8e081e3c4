"""The HTTP side of the four nouns."""

import hashlib
from random import SystemRandom
from typing import Any

from django.db import transaction
from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from insignia.credentials.filters import FieldFilter, IdsFilter
from insignia.credentials.internals import Author, audit_entry, internals_of_new
from insignia.credentials.models import Award, Badge, Evidence, Issuer, Recipient
from insignia.credentials.serializers import (
    AwardSerializer,
    BadgeSerializer,
    EvidenceSerializer,
    IssuerSerializer,
    RecipientSerializer,
    RevocationSerializer,
)


class AlreadyRevoked(APIException):
    """409: an award can be revoked once."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "This award has already been revoked."
    default_code = "already_revoked"


class ReadOnlyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet):
    """List and retrieve, with the filters that every list has."""

    filter_backends = (IdsFilter, FieldFilter, OrderingFilter, SearchFilter)
    filter_fields: dict[str, tuple[str, serializers.Field]] = {}
    ordering_fields: tuple[str, ...] = ("id",)
    ordering: tuple[str, ...] = ("id",)
    lookup_value_converter = "int"

    def new_internals(self, kind: str) -> dict[str, Any]:
        """Return the internal columns of an object that this request makes."""
        return internals_of_new(kind, self.author(), SystemRandom())

    def author(self) -> Author:
        """Return who makes the change that this request asks for."""
        return Author(str(self.request.user), timezone.now())


class IssuerViewSet(ReadOnlyViewSet):
    """Organisations that issue badges."""

    queryset = Issuer.objects.all()
    serializer_class = IssuerSerializer
    filter_fields = {
        "country": ("country", serializers.CharField(max_length=2)),
        "verified": ("verified", serializers.BooleanField()),
    }
    ordering_fields = ("id", "name")
    search_fields = ("name",)


class BadgeViewSet(mixins.CreateModelMixin, ReadOnlyViewSet):
    """What can be awarded."""

    queryset = Badge.objects.all()
    serializer_class = BadgeSerializer
    filter_fields = {
        "issuer": ("issuer_id", serializers.IntegerField()),
        "level": ("level", serializers.ChoiceField(Badge.Level.choices)),
        "published": ("published", serializers.BooleanField()),
    }
    ordering_fields = ("id", "title", "created_at")
    search_fields = ("title",)

    def perform_create(self, serializer: BadgeSerializer) -> None:
        """Add what the client doesn't say."""
        serializer.save(**self.new_internals("badge"))


class RecipientViewSet(mixins.CreateModelMixin, ReadOnlyViewSet):
    """People who can receive awards."""

    queryset = Recipient.objects.all()
    serializer_class = RecipientSerializer
    filter_fields = {
        "country": ("country", serializers.CharField(max_length=2)),
        "email": ("email", serializers.EmailField()),
    }
    ordering_fields = ("id", "display_name", "created_at")
    search_fields = ("display_name",)

    def perform_create(self, serializer: RecipientSerializer) -> None:
        """Add what the client doesn't say."""
        serializer.save(**self.new_internals("recipient"))


class AwardViewSet(mixins.CreateModelMixin, ReadOnlyViewSet):
    """Badges given to recipients."""

    queryset = Award.objects.all()
    serializer_class = AwardSerializer
    filter_fields = {
        "badge": ("badge_id", serializers.IntegerField()),
        "recipient": ("recipient_id", serializers.IntegerField()),
        "status": ("status", serializers.ChoiceField(Award.Status.choices)),
        "issued_after": ("issued_on__gt", serializers.DateField()),
        "issued_before": ("issued_on__lt", serializers.DateField()),
        "external_reference": ("external_reference", serializers.CharField(max_length=64)),
    }
    ordering_fields = ("id", "issued_on", "created_at")
    search_fields = ("verification_code", "note")

    def perform_create(self, serializer: AwardSerializer) -> None:
        """Add what the client doesn't say."""
        serializer.save(**self.new_internals("award"))

    @extend_schema(
        operation_id="awards_revoke",
        request=RevocationSerializer,
        responses={200: AwardSerializer, 409: OpenApiResponse(OpenApiTypes.OBJECT, "The award is revoked already.")},
    )
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: int) -> Response:
        """Withdraw an award, once and for good."""
        revocation = RevocationSerializer(data=request.data)
        revocation.is_valid(raise_exception=True)
        with transaction.atomic():
            award = get_object_or_404(Award, pk=pk)
            if award.status == Award.Status.REVOKED:
                raise AlreadyRevoked
            _revoke(award, revocation.validated_data["reason"], self.author())
        return Response(self.get_serializer(award).data)

    @extend_schema(
        methods=["GET"],
        operation_id="awards_evidence_list",
        responses=EvidenceSerializer(many=True),
        filters=False,
    )
    @extend_schema(
        methods=["POST"],
        operation_id="awards_evidence_upload",
        request={"multipart/form-data": EvidenceSerializer},
        responses={201: EvidenceSerializer},
    )
    @action(
        detail=True,
        methods=["get", "post"],
        serializer_class=EvidenceSerializer,
        parser_classes=[MultiPartParser],
        filter_backends=[],
    )
    def evidence(self, request: Request, pk: int) -> Response:
        """List the files of an award, or add one."""
        award = get_object_or_404(Award, pk=pk)
        if request.method == "POST":
            return self._add_evidence(request, award)
        page = self.paginate_queryset(award.evidence.order_by("id"))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def _add_evidence(self, request: Request, award: Award) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        file = serializer.validated_data["file"]
        digest = hashlib.sha256(b"".join(file.chunks())).hexdigest()
        serializer.save(
            award=award,
            file_name=file.name[:120],
            content_type=file.content_type,
            size=file.size,
            sha256=digest,
            **self.new_internals("evidence"),
        )
        return Response(serializer.data, status=status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="awards_evidence_content",
        parameters=[OpenApiParameter("evidence_id", int, OpenApiParameter.PATH)],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    @action(detail=True, url_path=r"evidence/<int:evidence_id>/content", filter_backends=[], pagination_class=None)
    def evidence_content(self, request: Request, pk: int, evidence_id: int) -> FileResponse:
        """Return the file itself."""
        evidence = get_object_or_404(Evidence, pk=evidence_id, award_id=pk)
        return FileResponse(
            evidence.file.open(), as_attachment=True, filename=evidence.file_name, content_type=evidence.content_type
        )


def _revoke(award: Award, reason: str, author: Author) -> None:
    award.status = Award.Status.REVOKED
    award.revoked_at = award.updated_at = author.at
    award.revocation_reason = reason
    award.row_version += 1
    award.audit_trail = [*award.audit_trail, audit_entry("award.revoked", author, SystemRandom())]
    award.save()
