"""The SQL that moves notices; moments come from the application's clock, so that a test can turn it."""

from __future__ import annotations

# A worker takes what is due before it sends: `next_at` moves behind the claim, so nobody else finds the row meanwhile, and a
# worker that dies leaves it to be found again. SKIP LOCKED lets workers pass each other. Rides on notice_due.
CLAIM = """
UPDATE notices_notice SET attempts = attempts + 1, next_at = %(claimed_until)s
WHERE id IN (
    SELECT id FROM notices_notice WHERE state = 'queued' AND next_at <= %(now)s
    ORDER BY next_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
RETURNING id
"""

# Reads from the oldest id on, which are the ones to go, sent or not: nobody waits for words that old. Rides on primary keys.
PRUNE_NOTICES = """
DELETE FROM notices_notice WHERE id IN (
    SELECT id FROM notices_notice WHERE id < %(before)s ORDER BY id LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)
"""
PRUNE_MAIL = """
DELETE FROM notices_mail WHERE id IN (
    SELECT id FROM notices_mail WHERE id < %(before)s ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
"""
# What still waits stays, however old: somebody is owed it. By the primary key, oldest first.
PRUNE_WEBHOOK_DELIVERIES = """
DELETE FROM notices_webhook_delivery WHERE id IN (
    SELECT id FROM notices_webhook_delivery WHERE id < %(before)s AND state <> 'queued' ORDER BY id LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)
"""
