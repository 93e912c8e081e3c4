"""The Django app."""

from django.apps import AppConfig


class LakeConfig(AppConfig):
    """Files of the lake."""

    name = "portazgo.lake"
