"""Puts the control plane together: Django settings, urls, the admin API's assembly, its server, the internal listener."""
