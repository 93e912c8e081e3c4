"""Contracts: what partners see of backends' operations. `compiling` is pure; the nouns are `contracts` and `schemas`."""
