"""Contracts: what partners see of a backend's operations. `compiling` is the way in; it knows neither tables nor I/O."""
