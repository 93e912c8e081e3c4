"""Applications: one integration of a partner, in one environment, on one plan."""
