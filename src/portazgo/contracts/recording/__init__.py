"""Answers of backends, kept without their values, to be put through other versions of a contract."""
