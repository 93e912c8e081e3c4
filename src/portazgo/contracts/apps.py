"""The Django app."""

from django.apps import AppConfig


class ContractsConfig(AppConfig):
    """Contracts, and the schemas that they are over."""

    name = "portazgo.contracts"

    def ready(self) -> None:
        """Say how versions are compiled for nodes, and what records' numbers of them mean."""
        from portazgo.contracts.resource import compiled, compiled_document, every_served  # noqa: PLC0415 - models exist from here on
        from portazgo.contracts.telling import names_of  # noqa: PLC0415
        from portazgo.snapshot.compilers import register_compiler  # noqa: PLC0415
        from portazgo.traces.service import name_versions_by  # noqa: PLC0415

        register_compiler("contract", compiled, every=every_served)
        register_compiler("contract_document", compiled_document, every=every_served)
        name_versions_by(names_of)
