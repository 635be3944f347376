"""The SQL of idempotent writes."""

# Who holds the lock works; who doesn't, and finds no answer yet, is told to wait. Rides on
# idempotency_key_once_per_token. The snapshot may be older than the lock: the unique key decides in KEEP.
CLAIM = """
SELECT pg_try_advisory_xact_lock(hashtextextended(%(lock)s, 0)), kept.fingerprint, kept.status, kept.headers, kept.body
FROM (SELECT 1) AS one
LEFT JOIN api_idempotencyrecord AS kept
    ON kept.token_id = %(token)s AND kept.key = %(key)s AND kept.created_at > now() - interval '24 hours'
"""

# Every answer kept removes up to two that are too old, so the table stays as large as a day's writes without
# a task of its own. Rides on idempotency_by_age; an expired record of the same key is overwritten.
KEEP = """
WITH old AS (
    DELETE FROM api_idempotencyrecord WHERE id IN (
        SELECT id FROM api_idempotencyrecord
        WHERE created_at < now() - interval '24 hours' AND (token_id, key) <> (%(token)s, %(key)s)
        ORDER BY created_at LIMIT 2 FOR UPDATE SKIP LOCKED
    )
)
INSERT INTO api_idempotencyrecord AS kept (token_id, key, fingerprint, status, headers, body)
VALUES (%(token)s, %(key)s, %(fingerprint)s, %(status)s, %(headers)s, %(body)s)
ON CONFLICT (token_id, key) DO UPDATE
SET fingerprint = excluded.fingerprint, status = excluded.status, headers = excluded.headers,
    body = excluded.body, created_at = now()
WHERE kept.created_at <= now() - interval '24 hours'
"""
