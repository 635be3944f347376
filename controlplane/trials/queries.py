"""The SQL of trials that matters, each with its reason and the index it rides on; moments are the application's clock."""

from __future__ import annotations

# Everyone who wants a place comes through this lock, one after the other, so two can't both take the last. The places that
# are taken are counted, not kept: a counter could drift. Whoever is put off holds up nobody. Rides on trial_in_place,
# trial_next_in_queue.
LOCK_CAPACITY = """
WITH one AS (SELECT places FROM trials_capacity WHERE id = 1 FOR UPDATE) SELECT places FROM one
"""
COUNT_TAKEN = """
SELECT (SELECT count(*) FROM trials_trial
        WHERE stage IN ('provisioning', 'active', 'expired', 'suspended', 'removing')),
       EXISTS (SELECT FROM trials_trial WHERE stage = 'waiting' AND next_at IS NULL)
"""
# How many came before; ids are time-ordered. Rides on trial_waiting, and reads only those before.
POSITION = "SELECT count(*) FROM trials_trial WHERE stage = 'waiting' AND id <= %(id)s"

# Takes what is due by moving `next_at` behind the claim, so two ticks never do the same; a tick that dies is followed by another
# when the claim is over. Rides on trial_due.
CLAIM_DUE = """
UPDATE trials_trial SET next_at = %(claimed_until)s
WHERE id IN (
    SELECT id FROM trials_trial WHERE next_at <= %(now)s ORDER BY next_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
RETURNING id
"""
# Rides on signup_pending.
LAPSE_SIGN_UPS = """
UPDATE trials_signup SET state = 'rejected', reason = 'not_confirmed'
WHERE id IN (
    SELECT id FROM trials_signup WHERE state = 'pending' AND expires_at <= %(now)s
    ORDER BY expires_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
"""
# Whoever got no trial is forgotten altogether; of the others the address. Rides on signup_by_age.
FORGET_SIGN_UPS = """
DELETE FROM trials_signup WHERE id IN (
    SELECT id FROM trials_signup WHERE created_at < %(before)s AND state = 'rejected' AND trial_id IS NULL
    ORDER BY created_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
"""
# Rides on signin_link_by_age.
FORGET_LINKS = """
DELETE FROM trials_signinlink WHERE id IN (
    SELECT id FROM trials_signinlink WHERE created_at < %(before)s
    ORDER BY created_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
"""
# A rule that is over keeps nobody out, and need not keep anybody's address; the audit trail has it masked. Rides on rule_by_end.
FORGET_RULES = """
DELETE FROM trials_rule WHERE id IN (
    SELECT id FROM trials_rule WHERE expires_at < %(before)s
    ORDER BY expires_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
"""
# The numbers of one network, domain and person lately. Rides on signup_of_network, signup_of_domain, signup_of_person.
COUNT_LATELY = """
SELECT (SELECT count(*) FROM trials_signup WHERE network = %(network)s AND created_at > %(since)s),
       (SELECT count(*) FROM trials_signup WHERE domain = %(domain)s AND created_at > %(since)s),
       (SELECT count(*) FROM trials_signup WHERE person = %(person)s AND created_at > %(since)s)
"""
# Requests of one network or domain are counted one after the other: else fifty at once would each see none before it.
LOCK_VELOCITY = "SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 0))"

# For /metrics, and only of what is live. Rides on trial_in_place and trial_waiting.
BY_STAGE = """
SELECT stage, count(*), count(*) FILTER (WHERE problem <> '') FROM trials_trial
WHERE stage IN ('waiting', 'provisioning', 'active', 'expired', 'suspended', 'removing') GROUP BY stage
"""
