"""Contracts: what partners see of a backend's operations, over the OpenAPI documents that backends hand out."""
