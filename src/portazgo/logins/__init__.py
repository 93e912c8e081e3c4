"""Logging in at a backend's token endpoint, for nodes and for `portazgo backend test`. Never imports Django."""
