"""What the tap emits is what the mapper reads; what the mapper emits is what the target accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from target_exact_online import schemas

if TYPE_CHECKING:
    from conftest import Pipe


def schemas_of(messages: list[dict[str, Any]]) -> dict[str, Draft202012Validator]:
    return {
        message["stream"]: Draft202012Validator(message["schema"])
        for message in messages
        if message["type"] == "SCHEMA"
    }


def test_every_recorded_document_keeps_both_contracts(pipe: Pipe) -> None:
    extracted = pipe.extract("orders", "invoices", "credit_memos")
    assert extracted.code == 0, extracted.stderr
    tap_schemas = schemas_of(extracted.messages)
    assert {stream: len(extracted.records(stream)) for stream in tap_schemas} == {
        "orders": 75,
        "invoices": 65,
        "credit_memos": 19,
    }
    for message in extracted.messages:
        if message["type"] == "RECORD":
            tap_schemas[message["stream"]].validate(message["record"])
            assert message["record"]["source"]["instance"] == "sandbox"

    booked = pipe.book(extracted.stdout)
    assert booked.code == 0, booked.stderr
    mapper_schemas = schemas_of(booked.messages)
    target_schemas = {name: Draft202012Validator(schemas.load(name)) for name in schemas.STREAMS}
    assert set(mapper_schemas) <= set(target_schemas)
    documents = [message for message in booked.messages if message["type"] == "RECORD"]
    for message in documents:
        mapper_schemas[message["stream"]].validate(message["record"])
        target_schemas[message["stream"]].validate(message["record"])
    keys = [message["record"]["document_key"] for message in documents]
    assert len(keys) == len(set(keys)) == 75 + 65 + 19


@pytest.mark.parametrize("stream", ["invoices", "credit_memos"])
def test_the_order_of_a_document_travels_with_it(pipe: Pipe, stream: str) -> None:
    for record in pipe.extract(stream).records(stream):
        assert record["order"]["entity_id"] == record["order_id"]
        assert record["order"]["items"]
