"""Issuers, badges, recipients and awards."""
