"""What a backend's OpenAPI document says about its operations, as far as contracts need it. Pure: text in, shapes out."""

from portazgo.contracts.schema.reading import read_schema
from portazgo.contracts.schema.shapes import Schema
from portazgo.routes.openapi.refused import DocumentRefused

__all__ = ["DocumentRefused", "Schema", "read_schema"]
