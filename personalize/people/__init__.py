"""Everybody in the log, one person at a time: who is in a segment, and how many are known by name."""
