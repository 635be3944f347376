"""REST API v1: views parse, call one service, answer; errors are problem+json. `views/<noun>.py` holds each noun."""
