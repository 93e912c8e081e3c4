"""Several providers as one: the first seals, all of them open. So secrets can move from one to another under traffic."""

from __future__ import annotations

from portazgo.kit.wrapping import KeyWrapper, WrappingFailed, opener_of, sealed_by


class Ring:
    """What a process seals with, and what it can still open."""

    def __init__(self, sealing: KeyWrapper, *others: KeyWrapper) -> None:
        self._sealing = sealing
        self._all = (sealing, *others)

    @property
    def opens(self) -> tuple[str, ...]:
        """Name what any of them opens."""
        return tuple(dict.fromkeys(name for one in self._all for name in one.opens))

    def wrap(self, context: str, plaintext: bytes) -> str:
        """Seal with the first."""
        return self._sealing.wrap(context, plaintext)

    def unwrap(self, context: str, text: str) -> bytes:
        """Unseal with the first that can. Raises what the first that should have been able to said."""
        wanted = opener_of(sealed_by(text))
        first: WrappingFailed | None = None
        for one in self._all:
            if wanted not in one.opens:
                continue
            try:
                return one.unwrap(context, text)
            except WrappingFailed as problem:
                # Two accounts or regions of KMS have one scheme: which of them it was shows by trying.
                first = first or problem
        raise first or self._of_another(context, text)

    def _of_another(self, context: str, text: str) -> WrappingFailed:
        sealer, ours = sealed_by(text), ", ".join(self.opens)
        if sealer.startswith("local:") and all(name.startswith("local:") for name in self.opens):
            return WrappingFailed(
                f"{context} was sealed by the master key {sealer.partition(':')[2]}, but the one in use is "
                f"{ours.replace('local:', '')}: the key file belongs to another installation, or was replaced"
            )
        return WrappingFailed(
            f"{context} was sealed by {sealer}, and this process opens what {ours} sealed: "
            "name that provider too with PORTAZGO_WRAPPING_ALSO"
        )
