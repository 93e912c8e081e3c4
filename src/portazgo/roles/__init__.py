"""The roles a Portazgo process can play: everything in one place (`up`, `demo`), or one part alone."""
