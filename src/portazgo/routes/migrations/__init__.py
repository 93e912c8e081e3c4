"""Schema changes of routes."""
