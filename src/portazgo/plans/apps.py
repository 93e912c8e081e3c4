"""The Django app."""

from django.apps import AppConfig


class PlansConfig(AppConfig):
    """Plans."""

    name = "portazgo.plans"

    def ready(self) -> None:
        """Say how they are compiled for nodes."""
        from portazgo.plans.models import Plan  # noqa: PLC0415 - models exist from here on
        from portazgo.plans.service import compiled  # noqa: PLC0415
        from portazgo.snapshot.compilers import every_id, register_compiler  # noqa: PLC0415

        register_compiler("plan", compiled, every=every_id(Plan))
