"""Booking: from amounts and rules to the documents of contract 2."""

from mapper_gl_rules.booking.booker import Booker
from mapper_gl_rules.booking.order_facts import OrderFacts
from mapper_gl_rules.booking.result import Booked

__all__ = ["Booked", "Booker", "OrderFacts"]
