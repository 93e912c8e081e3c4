"""Which fields partners received: told from the compiled program, never by parsing a body again. Pure."""
