"""Schema changes of partners."""
