"""The SQL that matters here, by name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db import connection

# One apply at a time: the second waits, then sees what the first wrote. Released when the transaction ends.
LOCK_APPLY = "SELECT pg_advisory_xact_lock(hashtext('prices apply'))"

# The boundary between two versions moves in two updates; once both are done it must be right. At most a few rows.
CHECK_PERIODS = """
SET CONSTRAINTS books_pricebook_never_overlaps IMMEDIATE;
SET CONSTRAINTS books_pricebook_never_overlaps DEFERRED
"""

# One statement of a tenant is drafted or sealed at a time, and what it is made of is agreed before or after. Held to the
# transaction's end.
LOCK_STATEMENTS = "SELECT pg_advisory_xact_lock(hashtext('statements'), hashtext(%s))"

# Once per sealed statement; the rows are found by the unique index on key and version. It writes only where something is new,
# so that a month's thousand statements do not wait for one another's locks.
MARK_BOOKS = """
UPDATE books_pricebook SET used_at = coalesce(used_at, now()), used_until = greatest(used_until, %(until)s)
WHERE (key, version) IN (SELECT * FROM unnest(%(keys)s::text[], %(versions)s::int[]))
    AND (used_until IS NULL OR used_until < %(until)s)
"""

# The same for the rates of the statement's currency; found by the unique index on base, quote and day.
MARK_RATES = """
UPDATE books_exchangerate SET used_at = coalesce(used_at, now()), used_until = greatest(used_until, %(until)s)
WHERE quote = %(quote)s AND base = ANY(%(bases)s) AND since < %(until)s AND (used_until IS NULL OR used_until < %(until)s)
"""

# The same for what was agreed with the tenant; by primary key.
MARK_CONTRACTS = """
UPDATE books_contract SET used_until = greatest(used_until, %(until)s) WHERE id = ANY(%(ids)s::uuid[])
"""
MARK_COMMITMENTS = """
UPDATE books_commitment SET used_until = greatest(used_until, %(until)s) WHERE id = ANY(%(ids)s::uuid[])
"""

# A grant pays what it has and no more: the CHECK on the row refuses the rest. By primary key; the row lock orders two months.
DRAW = "UPDATE books_creditgrant SET drawn = drawn + %s WHERE id = %s AND drawn + %s <= amount"


def lock_apply() -> None:
    """Wait for the right to apply; inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_APPLY)


def check_periods() -> None:
    """Raise IntegrityError where two versions of a book hold at once."""
    with connection.cursor() as cursor:
        cursor.execute(CHECK_PERIODS)


def lock_statements(tenant_id: UUID) -> None:
    """Wait until nobody drafts or seals for a tenant; inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_STATEMENTS, [str(tenant_id)])


def mark_books(versions: Sequence[tuple[str, int]], until: date) -> None:
    """Note that these versions were used until a day."""
    keys, numbers = [key for key, _ in versions], [version for _, version in versions]
    with connection.cursor() as cursor:
        cursor.execute(MARK_BOOKS, {"keys": keys, "versions": numbers, "until": until})


def mark_rates(bases: Sequence[str], quote: str, until: date) -> None:
    """Note that the rates between these currencies were used until a day."""
    with connection.cursor() as cursor:
        cursor.execute(MARK_RATES, {"bases": list(bases), "quote": quote, "until": until})


def mark_agreements(contracts: Sequence[str], commitments: Sequence[str], until: date) -> None:
    """Note that these were used until a day."""
    with connection.cursor() as cursor:
        if contracts:
            cursor.execute(MARK_CONTRACTS, {"ids": list(contracts), "until": until})
        if commitments:
            cursor.execute(MARK_COMMITMENTS, {"ids": list(commitments), "until": until})


def draw(grant: UUID, amount: Decimal) -> bool:
    """Take from a grant; False where it has less than that."""
    with connection.cursor() as cursor:
        cursor.execute(DRAW, [amount, grant, amount])
        return bool(cursor.rowcount == 1)
