"""The tests, one folder per kind; each file is one behaviour and reads as sentences."""
