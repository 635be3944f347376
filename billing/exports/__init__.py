"""What leaves billing, and what a provider sends in: FOCUS files, the provider's bill, reconciliation and margin.

`focus` is pure; everything else reads through the services of the rooms below and writes to its own tables only.
"""
