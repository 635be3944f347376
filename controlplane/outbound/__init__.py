"""The one door to addresses that others chose: identity providers and sources of modules now, webhooks later.

It resolves a name once, refuses what lies inside our own networks, and calls the very address that it judged.
"""
