"""One file per noun: what a person can ask for, in words of the REST API."""
