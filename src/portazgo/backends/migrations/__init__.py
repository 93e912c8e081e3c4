"""Schema changes of backends."""
