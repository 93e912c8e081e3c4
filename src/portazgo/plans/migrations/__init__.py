"""Schema changes of plans."""
