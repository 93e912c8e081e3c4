"""Who changed what, when: one row per change, written in the transaction of the change itself."""
