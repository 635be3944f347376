"""The fleet's pages, for the platform's team: overview, rollouts, who is left behind, and every runtime.

Each page asks for one screen of rows and for numbers that are counted already; none reads the fleet. What can be pressed asks
for a reason and a confirmation first, and works without a script.
"""
