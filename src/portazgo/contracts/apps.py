"""The Django app."""

from django.apps import AppConfig


class ContractsConfig(AppConfig):
    """Contracts, and the schemas that they are over."""

    name = "portazgo.contracts"

    def ready(self) -> None:
        """Say how versions are compiled for nodes."""
        from portazgo.contracts.resource import compiled, compiled_document, every_served  # noqa: PLC0415 - models exist from here on
        from portazgo.snapshot.compilers import register_compiler  # noqa: PLC0415

        register_compiler("contract", compiled, every=every_served)
        register_compiler("contract_document", compiled_document, every=every_served)
