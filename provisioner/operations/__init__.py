"""Durable work: an operation is a row that knows its flow, step, attempts, lease, deadline and wait reason.

`engine` decides (pure), `queries` holds the SQL of claim and checkpoint, `runner` runs one claimed operation,
`services` opens and controls operations, `tasks` is the thin Celery shell: it carries ids, PostgreSQL keeps the truth.
"""
