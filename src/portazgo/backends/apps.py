"""The Django app."""

from django.apps import AppConfig


class BackendsConfig(AppConfig):
    """Backends."""

    name = "portazgo.backends"

    def ready(self) -> None:
        """Say how they are compiled for nodes."""
        from portazgo.backends.models import Backend  # noqa: PLC0415 - models exist from here on
        from portazgo.backends.service import compiled  # noqa: PLC0415
        from portazgo.snapshot.compilers import every_id, register_compiler  # noqa: PLC0415

        register_compiler("backend", compiled, every=every_id(Backend))
