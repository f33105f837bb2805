"""Everybody in the log, one person at a time: who is in a segment, how many are known by name, and one who asks."""
