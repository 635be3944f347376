"""What a month costs a tenant, line by line: drafted while it lasts, then sealed and never changed again.

A draft is made anew whenever what it is made of changed. A sealed statement keeps its inputs, so that rating them again gives the
same bytes, and PostgreSQL refuses to change it. What turns out later becomes correction lines in the next open month. Every line
opens to the days, hours and samples it came from.
"""
