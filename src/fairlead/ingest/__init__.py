"""Keeps the archive fresh."""
