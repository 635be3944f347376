"""What it costs: metering, prices, statements, footprint.

Usage is read from the runtimes themselves and counted exactly once; what was not seen is unknown, and unknown time is not billed.
Every figure leads back to the hours and samples it came from.
"""
