"""Expressions of computed members: a bounded part of CEL (ADR 56), read, checked and written as data planes run it."""
