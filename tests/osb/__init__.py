"""The service broker, held against the specification row by row."""
