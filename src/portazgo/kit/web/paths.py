"""What logs and the audit may hold of a request's first line: whatever else a caller wrote there may be a secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.urls import Resolver404, resolve

if TYPE_CHECKING:
    from django.http import HttpRequest

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# A kid, a version, an environment, an id: too short for a secret, or of one form.
_IS_NAME = re.compile(r"[0-9A-Za-z]{1,10}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LEFT_OUT = "…"


def told_method(request: HttpRequest) -> str:
    """Give the method, or `other`."""
    return request.method if request.method in METHODS else "other"


def told_path(request: HttpRequest) -> str:
    """Give the path with `…` in place of what is no name, such as a whole key where its kid belongs; unknown: all of it."""
    try:
        match = request.resolver_match or resolve(request.path_info)
    except Resolver404:
        return _LEFT_OUT
    path = request.path
    for value in match.kwargs.values():
        if isinstance(value, str) and value and not _IS_NAME.fullmatch(value):
            path = path.replace(value, _LEFT_OUT)
    return path
