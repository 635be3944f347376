"""Currencies of ISO 4217 and exact amounts in their minor units. Everything is rounded half to even, and once."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal
from functools import lru_cache
from typing import NamedTuple

# ISO 4217:2015, active codes as of 2026; most divide into a hundred minor units.
_CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ
GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP
LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR
PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC
SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF
YER ZAR ZMW ZWG
"""
_WITHOUT_CENTS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_WITH_THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
PLACES = {
    **dict.fromkeys(_CODES.split(), 2),
    **dict.fromkeys(_WITHOUT_CENTS.split(), 0),
    **dict.fromkeys(_WITH_THOUSANDTHS.split(), 3),
}
QUANTITY_PLACES = 15
PRICE_PLACES = 12  # a millionth of a cent and finer is a typing error
LARGEST_EXPONENT = 30  # of an amount: nobody owes more, and what is absurdly large overflows
EXACT = Context(prec=120)  # the default of 28 digits would round a product on its way


class MoneyError(ValueError):
    """An amount or a currency that can't be; the message says what to do."""


class Price(NamedTuple):
    """A price for one unit: as Decimal to show, and as numerator/denominator minor units to reckon with."""

    amount: Decimal
    numerator: int
    denominator: int


def places_of(currency: str) -> int:
    """Return how many decimal places a currency has; raises MoneyError for one that ISO 4217 does not know."""
    try:
        return PLACES[currency]
    except KeyError:
        raise MoneyError(
            f"{currency!r} is no currency of ISO 4217; write its three letters, such as EUR."
        ) from None


def round_ratio(numerator: int, denominator: int) -> int:
    """Return numerator/denominator as a whole number, half to even; the denominator is positive."""
    quotient, rest = divmod(numerator, denominator)
    twice = rest + rest
    if twice > denominator or (twice == denominator and quotient & 1):
        return quotient + 1
    return quotient


def price(amount: Decimal, currency: str) -> Price:
    """Return a price in a currency; raises MoneyError for one that is negative, not a number or absurdly fine."""
    places = places_of(currency)
    if not amount.is_finite():
        raise MoneyError(f"{amount} is not a number; write it with digits, such as 0.05.")
    if amount < 0:
        raise MoneyError(f"{amount} is negative; a price is at least 0. Give money back by a credit.")
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > PRICE_PLACES:
        raise MoneyError(f"{amount} has more than {PRICE_PLACES} decimal places; shorten it.")
    return scaled(amount, places)


def scaled(amount: Decimal, places: int) -> Price:
    """Return an amount as a price in minor units, exactly."""
    numerator, denominator = amount.as_integer_ratio()
    return Price(amount, numerator * 10**places, denominator)


@lru_cache(maxsize=65536)
def from_minor(minor: int, places: int) -> Decimal:
    """Return whole minor units as an amount, with all its places: 5 cents are 0.05."""
    return Decimal(minor).scaleb(-places, EXACT)


def to_minor(amount: Decimal, currency: str) -> int:
    """Return an amount in whole minor units; raises MoneyError for one that has a finer part, or is not a number."""
    if not amount.is_finite() or amount.adjusted() > LARGEST_EXPONENT:
        raise MoneyError(f"{str(amount)[:40]} is not an amount; write it with digits, such as 12.50.")
    shifted = amount.scaleb(places_of(currency), EXACT)
    if shifted != shifted.to_integral_value():
        raise MoneyError(f"{amount} {currency} is finer than the currency's minor unit; round it first.")
    return int(shifted)


def quantity_of(numerator: int, denominator: int) -> Decimal:
    """Return a quantity as Decimal: exact where it ends within fifteen places, else rounded there."""
    whole, rest = divmod(numerator, denominator)
    if not rest:
        return Decimal(whole)
    return (
        Decimal(round_ratio(numerator * 10**QUANTITY_PLACES, denominator))
        .scaleb(-QUANTITY_PLACES, EXACT)
        .normalize(EXACT)
    )


def split(total: int, weights: Sequence[int]) -> list[int]:
    """Split a whole number by weights, to the last unit: each gets its share rounded down, the largest remainders one more.

    Of equal remainders the earlier wins, so callers sort first. Weights are not negative; without any weight all share alike.
    A negative total is split as its opposite.
    """
    if not weights:
        raise ValueError("there is nothing to split by")
    if total < 0:
        return [-part for part in split(-total, weights)]
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    parts, remainders = [], []
    for place, weight in enumerate(weights):
        share, remainder = divmod(total * weight, whole)
        parts.append(share)
        remainders.append((-remainder, place))
    for _, place in sorted(remainders)[: total - sum(parts)]:
        parts[place] += 1
    return parts


def split_amount(amount: Decimal, weights: Sequence[int], currency: str) -> list[Decimal]:
    """Split an amount by weights as `split` does, for views by day or hour: the parts add up to the last minor unit."""
    places = places_of(currency)
    return [from_minor(part, places) for part in split(to_minor(amount, currency), weights)]
