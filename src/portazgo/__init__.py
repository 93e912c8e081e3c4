"""Portazgo: a partner API gateway."""
