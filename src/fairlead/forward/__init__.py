"""Sends archived events to whoever wants to be told, each at least once, in the order of the log."""
