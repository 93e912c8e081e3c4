"""Backends: what stands behind the gateway, per environment, and how calls to it are credentialed."""
