"""Thin views of the broker: parse, call one service, answer in the specification's shapes."""
