"""The Django app."""

from django.apps import AppConfig


class RoutesConfig(AppConfig):
    """Routes."""

    name = "portazgo.routes"

    def ready(self) -> None:
        """Say how they are compiled for nodes."""
        from portazgo.routes.models import Route  # noqa: PLC0415 - models exist from here on
        from portazgo.routes.resource import compiled, compiled_tag, every_tag  # noqa: PLC0415
        from portazgo.snapshot.compilers import every_id, register_compiler  # noqa: PLC0415

        register_compiler("route", compiled, every=every_id(Route))
        register_compiler("route_tag", compiled_tag, every=every_tag)
