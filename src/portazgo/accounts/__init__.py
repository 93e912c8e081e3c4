"""Who may do what in the control plane: admin tokens, their scopes, and `can`, the one place that decides."""
