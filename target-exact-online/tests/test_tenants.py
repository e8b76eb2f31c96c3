"""Tenants that share a PostgreSQL database have a schema each."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from exact_online.errors import ConfigError
from target_exact_online.ledger.database import LEDGER
from target_exact_online.ledger.store import Ledger
from target_exact_online.settings import with_defaults


def test_each_tenant_has_a_schema_and_a_chain_of_its_own(postgres_ledger: str) -> None:
    urls = [
        with_defaults({"ledger_url": postgres_ledger, "ledger_schema": name})["ledger_url"]
        for name in ("tea", "coffee")
    ]
    for url in urls:
        Ledger.open(url, 1).close()
        Ledger.open(url, 1).close()  # it is there already
    engine = LEDGER.open(urls[0])
    tables = {schema: sa.inspect(engine).get_table_names(schema) for schema in ("tea", "coffee")}
    assert "documents" in tables["tea"]
    assert set(tables["tea"]) == set(tables["coffee"])
    assert sa.inspect(engine).get_table_names("public") == []
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE only_teas (a int)"))
    assert "only_teas" not in sa.inspect(engine).get_table_names("coffee")
    engine.dispose()
    assert with_defaults({"ledger_url": urls[0], "ledger_schema": "tea"})["ledger_url"] == urls[0]


def test_a_schema_is_for_postgresql() -> None:
    with pytest.raises(ConfigError, match="ledger_schema is for PostgreSQL"):
        with_defaults({"ledger_url": "sqlite:///ledger.db", "ledger_schema": "tea"})
