"""APIs: published sets of routes."""
