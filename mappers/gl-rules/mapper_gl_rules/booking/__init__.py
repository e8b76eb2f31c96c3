"""Booking: from amounts and rules to the documents of contract 2."""

from mapper_gl_rules.booking.booker import Booked, Booker

__all__ = ["Booked", "Booker"]
