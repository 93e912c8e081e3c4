"""Keys that can be read by others: reports of them, what is done then, and canaries that tell of it by themselves."""
