"""FOCUS: one charge becomes one row of the FinOps Open Cost and Usage Specification 1.4, with a projection to 1.2. Pure.

`columns` says what there is, `mapping` makes rows, `rules` hold them against the specification, `csv_file` and `parquet_file`
write and read them back. A row is {column: value or None}; values are text, Decimal or an aware datetime in UTC.
"""
