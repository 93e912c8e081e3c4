"""The Django app."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Audit rows."""

    name = "portazgo.audit"
