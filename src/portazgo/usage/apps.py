"""The Django app."""

from django.apps import AppConfig


class UsageConfig(AppConfig):
    """Segments, manifests, rollups, epochs."""

    name = "portazgo.usage"
