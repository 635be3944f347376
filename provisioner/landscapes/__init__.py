"""Landscapes: the places that build clusters, each with a call budget, a circuit breaker and a watch cursor.

The unit of sharding and of rate limits. Credentials are a mounted file, or kept in the row, sealed.
"""
