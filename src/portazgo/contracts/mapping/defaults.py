"""What partners are told of a request's default: it is written as the backend receives it, and they read their own words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from portazgo.contracts.language.operators import MapValue
from portazgo.contracts.mapping.actions import pairs_of
from portazgo.contracts.mapping.views import View
from portazgo.contracts.schema.shapes import Shape
from portazgo.contracts.schema.values import same


def with_default(shape: Shape, value: Any) -> Shape:
    """Return the partner's shape with what stands where the value is absent."""
    return replace(shape, default=value, has_default=True)


def with_requests_default(shape: Shape, view: View, value: Any) -> Shape:
    """Return the partner's shape with the default in the partner's words; as it was where there are none for it.

    There are none for what is converted, nor for what may hold names of the backend's: an object, or a list of objects.
    """
    if view.is_list:
        single = view.items is not None and view.items.action is None and bool(view.items.scalars)
        return with_default(shape, value) if single else shape
    if not view.scalars or view.alternatives:
        return shape
    if view.action is None:
        return with_default(shape, value)
    if not isinstance(view.action, MapValue):
        return shape
    for backend, partner in pairs_of(view.action, view.scalars, view.shape):
        if same(backend, value):
            return with_default(shape, partner)
    return with_default(shape, value) if view.action.otherwise == "copy" else shape
