"""A form from a plan's JSON Schema: `draw` makes the tree that templates show, `read` turns what was posted into JSON.

A field's name is the dotted path that errors name too ("parameters.additionalWorkerNodePools.0.name"), so a refusal
finds its field without a table in between. Pure but for the request's QueryDict.
"""
