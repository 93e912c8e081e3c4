"""Which operation of the backend's a route is."""

from __future__ import annotations

from portazgo.contracts.language.problems import Problems
from portazgo.contracts.language.refused import nearest
from portazgo.contracts.language.routes import RouteTerms
from portazgo.contracts.mapping.urls import RoutePaths
from portazgo.contracts.schema.shapes import Schema, SchemaOperation
from portazgo.routes.domain import shape


def find_operation(schema: Schema, terms: RouteTerms, route: RoutePaths, problems: Problems) -> SchemaOperation | None:
    """Return the operation that the route names, or that its backend's method and path have; None, noted: there is none."""
    if terms.operation is not None:
        return _named(schema, terms.operation, f"{terms.at}/operation", problems)
    for operation in schema.operations:
        if operation.method == route.backend_method and shape(operation.path) == shape(route.backend_path):
            return operation
    wanted = f"{route.backend_method} {route.backend_path}"
    addresses = [_address(operation) for operation in schema.operations]
    problems.add(terms.at, f"the schema has no operation {wanted}: name one by operation", nearest(wanted, addresses))
    return None


def _named(schema: Schema, name: str, at: str, problems: Problems) -> SchemaOperation | None:
    for operation in schema.operations:
        if name in (operation.operation_id, _address(operation)):
            return operation
    known = [operation.operation_id or _address(operation) for operation in schema.operations]
    if " " in name:
        known = [_address(operation) for operation in schema.operations]
    problems.unknown(at, "the schema has no operation", name, known)
    return None


def _address(operation: SchemaOperation) -> str:
    return f"{operation.method} {operation.path}"
