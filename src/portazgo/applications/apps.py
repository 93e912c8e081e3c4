"""The Django app."""

from django.apps import AppConfig


class ApplicationsConfig(AppConfig):
    """Applications."""

    name = "portazgo.applications"

    def ready(self) -> None:
        """Say how they are compiled for nodes."""
        from portazgo.applications.models import Application  # noqa: PLC0415 - models exist from here on
        from portazgo.applications.service import compiled  # noqa: PLC0415
        from portazgo.snapshot.compilers import every_id, register_compiler  # noqa: PLC0415

        register_compiler("application", compiled, every=every_id(Application))
