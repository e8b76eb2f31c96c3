"""Fixtures shared by the tests of every distribution."""

from commerce_sandbox.testing import sandbox, sandbox_factory

__all__ = ["sandbox", "sandbox_factory"]
