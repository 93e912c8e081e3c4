"""Plans: which APIs and scopes an application may use, and how fast."""
