"""Answers callers from the archive."""
