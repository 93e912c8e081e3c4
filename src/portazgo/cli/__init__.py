"""The command line: one file per noun; parse, call the admin API, print. No logic.

Modules here are imported only when their command runs, so that `--help` and completion answer at once.
"""
