"""A stranger's way in, and out again: sign-up, verification, abuse guard, waiting list, expiry, conversion.

A sign-up is what somebody asked for; it becomes a trial when they confirm their address. All moments come from
`kernel.clock`, and whatever is due stands in `next_at`: `ticking.tick` does it, any number of copies at once.
"""
