"""Proofs that are too long for the test suite: the page floor beside an independent parser and under
hostile input, and a server that is killed under load."""
