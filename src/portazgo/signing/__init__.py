"""Issuers and signing keys: who the backends' tokens come from, and what signs them."""
