"""API keys: what an application shows at the gateway; peppers: what their digests are keyed with."""
