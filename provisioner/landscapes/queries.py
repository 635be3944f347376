"""The SQL of a landscape's call budget and circuit breaker. All of it rides on the primary key; time is PostgreSQL's."""

from __future__ import annotations

# Takes one call from the bucket, unless it is empty or the breaker says no; the row comes back either way, with `taken` and,
# when refused, the seconds to wait. Everybody queues for this row, so nobody keeps it locked until the disk has answered.
# An open breaker whose time is over lets one call through as its probe: it becomes half open and refuses the others until the
# probe has answered, or a minute has passed because the prober died; the others are told to ask again long before that.
TAKE = """
WITH taken AS (
    UPDATE landscapes_landscape
    SET tokens = least(burst, tokens + calls_per_second * greatest(extract(epoch FROM now() - tokens_at), 0)) - 1,
        tokens_at = now(),
        breaker = CASE WHEN breaker = 'closed' THEN 'closed' ELSE 'half_open' END,
        breaker_until = CASE WHEN breaker = 'closed' THEN breaker_until ELSE now() + interval '1 minute' END
    WHERE id = %(id)s::uuid
      AND (breaker = 'closed' OR breaker_until <= now())
      AND least(burst, tokens + calls_per_second * greatest(extract(epoch FROM now() - tokens_at), 0))
          >= least(1 + burst * %(leave)s::float, burst)
    RETURNING breaker, breaker_faults
)
SELECT l.key, taken.breaker IS NOT NULL AS taken, coalesce(taken.breaker, l.breaker) AS breaker,
    coalesce(taken.breaker_faults, l.breaker_faults) AS faults, l.breaker_reason AS reason, l.breaker_opened_at AS opened_at,
    greatest(extract(epoch FROM CASE WHEN l.breaker = 'half_open' THEN least(l.breaker_until, now() + interval '10 seconds')
                                     ELSE l.breaker_until END - now()), 0)::float AS breaker_seconds,
    greatest((least(1 + l.burst * %(leave)s::float, l.burst) - l.tokens) / l.calls_per_second
             - greatest(extract(epoch FROM now() - l.tokens_at), 0), 0)::float
        AS budget_seconds,
    set_config('synchronous_commit', 'off', true)
FROM landscapes_landscape l LEFT JOIN taken ON true
WHERE l.id = %(id)s::uuid"""

# One more fault in a row; enough of them, or a failed probe, open the breaker for a while: no longer than that, whatever the
# probe was given.
FAULT = """
UPDATE landscapes_landscape
SET breaker_faults = breaker_faults + 1,
    breaker_opened_at = CASE WHEN breaker = 'closed' AND breaker_faults + 1 >= %(threshold)s::int THEN now()
                             ELSE breaker_opened_at END,
    breaker_until = CASE WHEN breaker <> 'closed' OR breaker_faults + 1 >= %(threshold)s::int
                         THEN greatest(CASE WHEN breaker = 'open' THEN breaker_until END,
                                       now() + make_interval(secs => %(seconds)s::float)) ELSE breaker_until END,
    breaker = CASE WHEN breaker <> 'closed' OR breaker_faults + 1 >= %(threshold)s::int THEN 'open' ELSE breaker END,
    breaker_reason = %(reason)s::text
WHERE id = %(id)s::uuid
RETURNING breaker"""

# A call was answered. An open breaker closes only by its probe: an answer to a call from before it opened proves little.
SUCCESS = """
UPDATE landscapes_landscape l
SET breaker = 'closed', breaker_faults = 0, breaker_until = NULL, breaker_opened_at = NULL, breaker_reason = ''
FROM landscapes_landscape before
WHERE l.id = %(id)s::uuid AND before.id = l.id AND (l.breaker = 'half_open' OR (l.breaker = 'closed' AND l.breaker_faults > 0))
RETURNING before.breaker"""

# Somebody else has heard from it: an open breaker need not wait for its time to let a probe through.
INVITE = """
UPDATE landscapes_landscape SET breaker_until = now()
WHERE id = %(id)s::uuid AND breaker = 'open' AND breaker_until > now()"""
