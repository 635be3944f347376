"""The SQL of idempotent writes."""

# Who holds the lock works; who doesn't, and finds no answer yet, is told to wait. Rides on
# idempotency_key_once_per_token. The snapshot may be older than the lock: the unique key decides in KEEP.
CLAIM = """
SELECT pg_try_advisory_xact_lock(hashtextextended(%(lock)s, 0)), kept.fingerprint, kept.status, kept.headers, kept.body
FROM (SELECT 1) AS one
LEFT JOIN api_idempotencyrecord AS kept
    ON kept.token_id = %(token)s AND kept.key = %(key)s AND kept.created_at > now() - interval '24 hours'
"""

# Every answer kept removes up to two that are too old, whoever's, so the table stays as large as a day's writes without
# a task of its own: a function of the database does it, for a request sees one tenant's answers. Rides on
# idempotency_by_age; an expired record of the same key is overwritten.
KEEP = """
INSERT INTO api_idempotencyrecord AS kept (token_id, key, fingerprint, status, headers, body)
SELECT %(token)s, %(key)s, %(fingerprint)s, %(status)s, %(headers)s, %(body)s
FROM api_forget_old_answers(%(token)s, %(key)s)
ON CONFLICT (token_id, key) DO UPDATE
SET fingerprint = excluded.fingerprint, status = excluded.status, headers = excluded.headers,
    body = excluded.body, created_at = now()
WHERE kept.created_at <= now() - interval '24 hours'
"""
