"""The console's views, one file per noun: each parses, calls one service, answers."""
