"""Schema changes of apis."""
