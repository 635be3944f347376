"""Watches landscapes: one resumable watch each, written to status rows in batches, waking operations whose wait is over."""
