"""Commands of the broker's room."""
