"""Who may call: Insignia's own users, and callers vouched for by one trusted issuer."""
