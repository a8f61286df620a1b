"""Runs one operation."""
