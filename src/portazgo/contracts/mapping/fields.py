"""The fields that pass: the leaves of views, by the partner's path and the backend's."""

from __future__ import annotations

from collections.abc import Iterator

from portazgo.contracts.language.paths import ANY, FREELY, Path
from portazgo.contracts.mapping.views import ObjectView, View


class TooManyWays(Exception):
    """There are more ways through the objects of an answer than anybody goes; most may lead to no field."""


def fields_of(view: View, ways: int) -> Iterator[tuple[Path, Path]]:
    """Return the partner's and the backend's path of every field. What contains itself is listed once. Raises TooManyWays."""
    yield from _fields(view, (), (), frozenset(), _Ways(ways))


class _Ways:
    def __init__(self, left: int) -> None:
        self._left = left

    def go(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise TooManyWays


def _fields(
    view: View, partner: Path, backend: Path, around: frozenset[int], ways: _Ways
) -> Iterator[tuple[Path, Path]]:
    ways.go()
    if id(view) in around:
        return
    around |= {id(view)}
    if view.free:
        yield (*partner, FREELY), (*backend, FREELY)
        return
    if view.alternatives and view.object is None and not view.is_list:
        for alternative in view.alternatives:
            yield from _fields(alternative.view, partner, backend, around, ways)
        return
    if view.scalars:
        yield partner, backend
    if view.is_list and view.items is not None:
        yield from _fields(view.items, partner, backend, around, ways)
    if view.object is not None:
        yield from _fields_of_object(view.object, partner, backend, around, ways)


def _fields_of_object(
    laid: ObjectView, partner: Path, backend: Path, around: frozenset[int], ways: _Ways
) -> Iterator[tuple[Path, Path]]:
    for leaf in laid.leaves:
        yield from _fields(leaf.view, partner + leaf.partner, backend + leaf.backend, around, ways)
    for one in laid.computed:
        # It has come from each place that it was computed of.
        for path in one.checked.reads:
            yield partner + one.path, backend + path
    if laid.others is not None:
        yield from _fields(laid.others, (*partner, ANY), (*backend, ANY), around, ways)
