"""The Django app."""

from django.apps import AppConfig


class CredentialsConfig(AppConfig):
    """Issuers, badges, recipients and awards."""

    name = "insignia.credentials"
