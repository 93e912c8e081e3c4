"""How lists are narrowed and cut into pages."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.filters import BaseFilterBackend
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.views import APIView

MOST_IDS = 100
LARGEST_ID = 2**63 - 1


class Pages(PageNumberPagination):
    """`count`, `next`, `previous`, `results`; 25 to a page unless `page_size` says otherwise, 100 at most."""

    page_size = 25
    page_size_query_param = "page_size"
    max_page_size = 100


class IdsFilter(BaseFilterBackend):
    """`?ids=1,2,3`: the objects with these ids."""

    def filter_queryset(self, request: Request, queryset: QuerySet, view: APIView) -> QuerySet:
        """Return the rows asked for; raises ValidationError for what is no list of numbers."""
        text = request.query_params.get("ids")
        return queryset if text is None else queryset.filter(pk__in=_ids(text))

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Return the parameter for the OpenAPI document."""
        return [
            {
                "name": "ids",
                "in": "query",
                "required": False,
                "description": f"Only objects with these ids, at most {MOST_IDS}.",
                "schema": {"type": "array", "items": {"type": "integer"}, "maxItems": MOST_IDS},
                "style": "form",
                "explode": False,
            }
        ]


class FieldFilter(BaseFilterBackend):
    """One query parameter per entry of the view's `filter_fields`: name → (look-up, DRF field that validates it)."""

    def filter_queryset(self, request: Request, queryset: QuerySet, view: APIView) -> QuerySet:
        """Return the rows that fit all parameters given; raises ValidationError."""
        conditions, errors = {}, {}
        for name, (lookup, field) in view.filter_fields.items():
            if name not in request.query_params:
                continue
            try:
                conditions[lookup] = field.run_validation(request.query_params[name])
            except serializers.ValidationError as error:
                errors[name] = error.detail
        if errors:
            raise serializers.ValidationError(errors)
        return queryset.filter(**conditions)

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Return the parameters for the OpenAPI document."""
        return [
            {"name": name, "in": "query", "required": False, "schema": _schema(field)}
            for name, (_, field) in view.filter_fields.items()
        ]


def _ids(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.strip().isascii() and part.strip().isdigit() for part in parts):
        raise serializers.ValidationError({"ids": ["Must be whole numbers separated by commas."]})
    if len(parts) > MOST_IDS:
        raise serializers.ValidationError({"ids": [f"Must not be more than {MOST_IDS}."]})
    # Larger ones can't be in a table, and SQLite's driver would raise.
    return [number for number in map(int, parts) if number <= LARGEST_ID]


def _schema(field: serializers.Field) -> dict[str, Any]:
    if isinstance(field, serializers.ChoiceField):
        return {"type": "string", "enum": list(field.choices)}
    if isinstance(field, serializers.BooleanField):
        return {"type": "boolean"}
    if isinstance(field, serializers.IntegerField):
        return {"type": "integer"}
    if isinstance(field, serializers.DateField):
        return {"type": "string", "format": "date"}
    return {"type": "string"}
