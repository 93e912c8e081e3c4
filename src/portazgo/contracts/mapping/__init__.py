"""From operators over shapes to what the data plane runs and what partners read (docs/programs.md)."""
