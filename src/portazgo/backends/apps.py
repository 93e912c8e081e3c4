"""The Django app."""

from django.apps import AppConfig


class BackendsConfig(AppConfig):
    """Backends."""

    name = "portazgo.backends"

    def ready(self) -> None:
        """Say how they are compiled for nodes."""
        from portazgo.backends import credentials  # noqa: PLC0415 - models exist from here on
        from portazgo.backends.models import Backend, ServiceCredential  # noqa: PLC0415
        from portazgo.backends.service import compiled  # noqa: PLC0415
        from portazgo.snapshot.compilers import every_id, register_compiler  # noqa: PLC0415

        register_compiler("credential", credentials.compiled, every=every_id(ServiceCredential))
        register_compiler("backend", compiled, every=every_id(Backend))
