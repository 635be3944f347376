"""The Runtime row (what is wanted, what is observed), its querysets, and the pure spec handed to drivers."""
