"""What lives in clusters when the simulator is told to fill them: apps, volumes, balancers, agents of the platform.

All of it follows from a cluster's identity, the seed and the time, so the past can be asked for like the present.
"""
