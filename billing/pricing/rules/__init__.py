"""How a price turns a quantity into charges: one file per rule, and its name is what a price book writes after `rule:`.

A rule is a frozen dataclass with `charge`; it sees what was used before in the month, so that a change of prices within a month
goes on where the month stood.
"""
