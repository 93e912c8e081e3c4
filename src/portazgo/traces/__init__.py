"""Usage records as people read them: one call, a list, a tail. Read straight from the collected segments."""
