"""Rows in the shape that a page shows; no database, no request."""
