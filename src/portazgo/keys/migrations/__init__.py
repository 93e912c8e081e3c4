"""Schema changes of keys."""
