"""One file per kind of landscape, named by its key; `base` is the contract that all of them keep.

Drivers speak to landscapes and know neither Django nor the database. Calls converge and return at once.
"""
