"""What is sealed by which provider, and the move of everything to another (ADR 34)."""
