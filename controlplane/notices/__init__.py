"""E-mail on its way out: one outbox table, one delivery task, for every room above.

`services.notify` writes a row in the caller's transaction; what it says is sealed until it is sent, for links in it open doors.
Delivery is at least once: a worker claims the row before it sends, so only a worker that dies between the two sends again.
"""
