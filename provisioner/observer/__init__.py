"""Watches landscapes: one resumable watch each, written to status rows in batches, waking operations whose wait is over.

`changes` folds events (pure), `queries` holds the SQL, `writer` applies a batch in one transaction, `session` ties a watch to
its landscape's lock, `watchers` keeps one thread per landscape, `mending` has drift set right, `orphans` compares landscape and
database by the clock.
Only the holder of a landscape's lock writes; any number of copies may stand by.
"""
