"""What runtimes take up, and for whom: work, platform, node reserve, idle, in cores, GiB, money and gCO2e.

A runtime's day is split once it is over, from the usage store's days, and made anew whenever one of those is. The platform's
components are summed up over the fleet by day, so that a page about them reads few rows. `split` and `carbon` are pure.
"""
