"""What it costs so far: months rated with the engine that statements are made with, forecasts, budgets and anomalies.

Nothing here is a bill. `months` rates, `charges` shares lines out by day, `forecasting` and `unusual` are pure; `checking` and
`finding` look only at what changed. A figure opens to its days, a day to its hours, an hour to its samples.
"""
