"""One file per rule: its name is the key, `rule` is the rule.

A rule is a pure function from one look at a runtime's API to findings, each with object, severity, sentence and remedy.
"""
