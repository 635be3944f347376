"""What usage costs: money, periods, price rules (one file each), price books, and the rating of usage with them. Pure.

`rating.rate(items, terms)` is the one way from usage to lines; statements, cost views and what-if all take it, so they agree to
the cent. All arithmetic is exact in whole numbers; an amount is rounded once, where its line comes to be.
"""
