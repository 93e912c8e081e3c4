"""Partners: the companies that integrate."""
