"""Measures the embedded archive at a size: `python -m bench.archive`."""
