"""Schema changes of signing."""
