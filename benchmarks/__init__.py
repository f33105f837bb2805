"""Timings, never assertions: `python -m benchmarks.asgi` prints the tables of docs/explanation/performance.md."""
