"""The Django app."""

from django.apps import AppConfig


class SnapshotConfig(AppConfig):
    """Head, change log, security lane, compiled resources."""

    name = "portazgo.snapshot"
