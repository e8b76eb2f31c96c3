"""Exact's master data: read once, cached in the ledger database, asked by code."""

from target_exact_online.master_data.lookup import MasterData, NotUsableError

__all__ = ["MasterData", "NotUsableError"]
