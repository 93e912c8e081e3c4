"""How contracts are written: operators, paths, and what may be wrong with them (docs/contracts.md)."""
