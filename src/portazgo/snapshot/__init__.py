"""The contract between the planes: wire types, the pure compilation, the change log, the feed that nodes follow.

`log.change` is how every use case changes what nodes know: one transaction, one revision (docs/wire.md, sections 2-4).
"""
