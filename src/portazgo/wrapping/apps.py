"""The Django app."""

from django.apps import AppConfig


class WrappingConfig(AppConfig):
    """Rotations of the master key. Nodes see them in the resources that are sealed anew."""

    name = "portazgo.wrapping"
