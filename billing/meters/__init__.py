"""One file per meter: what is measured, in which unit, and how much of it one sight of a runtime shows.

A meter's file name is its key; it holds one `METER`. Pure: a meter looks at a `Reading` and counts in whole numbers.
"""
