"""What was used: samples taken in exactly once, hours and days made of them, and how much of each is known.

A runtime's life is kept in spans by a trigger, so whose time it was is exact to the second. Samples lie in one partition a day
and go after their retention; hours are computed anew whenever something of theirs changed, never added to; days are made of them.
Time that nobody saw is unknown and stands beside every figure.
"""
