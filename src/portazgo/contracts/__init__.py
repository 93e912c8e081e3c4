"""Contracts: what partners see of a backend's operations. `compiling` is pure, the rest are the nouns `contracts` and `schemas`."""
