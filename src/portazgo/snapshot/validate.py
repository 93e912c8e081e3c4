"""The control plane validates with the same Rust code as the nodes, before it commits."""

from __future__ import annotations

from portazgo import _native
from portazgo.kit.errors import Invalid


def validate_changes(page: bytes) -> None:
    """Hold a page of changes to what nodes accept. Raises Invalid (`snapshot_refused`) with the place."""
    try:
        _native.validate(page, changes=True)
    except ValueError as problem:
        raise Invalid(
            f"gateway nodes would refuse this: {problem}",
            [{"pointer": "", "message": str(problem)}],
            code="snapshot_refused",
        ) from problem
