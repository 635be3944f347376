"""One file per step: small, idempotent, and back at once. `base` is what a step sees and may answer.

Steps know drivers, never Django, and not one another; flows put them in order.
"""
