"""Signals of both systems: verified, kept, and looked at by whoever comes next.

A signal says only *look*. What it tells is read from its system; polling stays the truth, so a
signal that is lost, repeated or replayed changes nothing but when something is seen.
"""
