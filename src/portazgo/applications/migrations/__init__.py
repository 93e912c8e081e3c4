"""Schema changes of applications."""
