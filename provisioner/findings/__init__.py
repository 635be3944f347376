"""What breaks the rule that platform and custom code are apart, or will stop an upgrade: found, told, waived.

`rules/` holds one file per rule: pure functions over one bounded look at a runtime's own API. Looks come in rounds, O(due);
what changed is written set-based. Blocking findings that nobody waived keep a runtime from being upgraded.
"""
