"""For backends: what here is imported knows nothing of the rest of Portazgo."""
