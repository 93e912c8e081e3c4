"""Routes: a partner's method and path, and the backend operation that answers it."""
