"""Relations, their addresses and contacts, and items: each found or created once.

A thing is noted before it is sent, and may be in Exact from then on until Exact answers. So it
waits as documents do: it is asked for, and absence counts only when no call can be at work any
more and Exact's index shows what is new.
"""

from target_exact_online.relations.creating import Relations

__all__ = ["Relations"]
