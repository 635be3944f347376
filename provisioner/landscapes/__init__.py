"""Landscapes: the places that build clusters, each with a call budget, a circuit breaker and a watch cursor.

The unit of sharding and of rate limits. Credentials are referred to, never kept in a row.
"""
