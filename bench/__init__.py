"""Benchmarks: `python -m bench NAME`. Every figure in the README comes from here."""
