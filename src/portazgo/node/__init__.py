"""The gateway process: starts the native data plane, then only moves bytes at human speed.

Follows the control plane's changes, keeps the last known good snapshot, ships segments. Never imports Django;
no request passes through Python.
"""
