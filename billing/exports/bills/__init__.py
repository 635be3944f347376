"""A provider's bill coming in: AWS's CUR 2.0 (Parquet, CSV) and a plain CSV, read as a stream, booked as a whole.

`cur` and `plain` make a line of a row, `owners` finds whose it is, `importing` books. Nothing is booked of a bill with a wrong
row.
"""
