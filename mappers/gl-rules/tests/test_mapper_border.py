"""Whatever the shop sends is booked, refused as one document, or ends in one line of our own."""

from __future__ import annotations

import json
import random  # noqa: TC003  # hypothesis looks it up
import subprocess
from io import BytesIO
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapper_gl_rules.cli import main
from mapper_gl_rules.exceptions import InputError
from mapper_gl_rules.mapper import MapperGLRules
from mapper_gl_rules.source.broken import scalars
from mapper_gl_rules.source.messages import LineReader, encode_any

ODD = [
    "null", "true", "[]", "{}", '""', '"x"', '"NaN"', '"sNaN"', '"Infinity"', "1e400", "-5",
    "1e-400", "9" * 40, "9" * 5000, '"9999-99-99"', '"9999-12-31T23:59:59Z"', "NaN", "[[[[]]]]",
    '"0001-01-01T00:00:00Z"', '"\\ud800"', '["\\u0000"]', '"1,5"', '{"a": {"b": 1}}', "[" * 60_000,
]  # fmt: skip


@pytest.fixture(scope="module")
def mappers(example_rules: Any, tmp_path_factory: Any) -> list[MapperGLRules]:
    file = tmp_path_factory.mktemp("border") / "rules.yml"
    base = "  amounts: base\n  surcharges: {extension_attributes.fee: extension_attributes.tax}\n"
    text = example_rules.read_text()
    file.write_text(text.replace("  sales_orders: true", f"{base}  sales_orders: true"))
    names = (str(example_rules), str(file))
    return [MapperGLRules(config={"rules_file": name}) for name in names]


def read(mapper: MapperGLRules, line: bytes) -> list[Any]:
    found: list[Any] = []

    def state(_: Any) -> None:
        found.append("state")

    callbacks = {"RECORD": lambda one: found.extend(mapper.book(one)), "STATE": state}
    LineReader().process_lines(BytesIO(line), callbacks)
    return found


def line_of(stream: str, record: dict[str, Any], **odd: str) -> bytes:
    """Write a record whose values `@name@` are replaced by JSON of any kind."""
    text = json.dumps({"type": "RECORD", "stream": stream, "record": record}, default=float)
    for name, value in odd.items():
        text = text.replace(f'"@{name}@"', value)
    return text.encode() + b"\n"


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("record", "NaN", "record"),
        ("grand_total", "NaN", "record"),
        ("grand_total", '"NaN"', "grand_total"),
        ("grand_total", "1e400", "grand_total"),
        ("grand_total", "9" * 5000, "grand_total"),
        ("grand_total", "[[]]", "grand_total"),
        ("base_to_order_rate", '"sNaN"', "base_to_order_rate"),
        ("subtotal", "9" * 30, "row_total"),
        ("order_id", "9" * 5000, "order_id"),
        ("created_at", '"10000-01-01T00:00:00Z"', "created_at"),
        ("comments", "[" * 2_000_000 + "]" * 2_000_000, "record"),
        ("comments", '"\\ud800"', "record"),
        ("items", "5", "items"),
        ("source", "[5]", "source"),
        ("source", '"x"', "source"),
        ("order", "[]", "order"),
    ],
    ids=range(16),
)
def test_one_odd_record_is_refused_and_stops_nobody(
    mappers: list[MapperGLRules], recorded_records: Any, field: str, value: str, where: str
) -> None:
    stream, record = next(one for one in recorded_records if one[0] == "invoices")
    whole = line_of(stream, record)
    odd = (
        whole.replace(b'"record": {', b'"record": {"odd": NaN, ', 1)
        if field == "record"
        else line_of(stream, {**record, field: "@0@"}, **{"0": value})
    )
    found = read(mappers[0], odd + whole + b'{"type": "STATE", "value": {}}\n')
    assert found[-1] == "state"
    refused, good = found[0], found[1]
    assert good.stream == "sales_entries"
    assert refused.stream == "refused_documents"
    assert refused.record["your_ref"] == record["increment_id"]
    assert where in refused.record["where"]
    if field != "source":
        assert refused.record["document_key"] == good.record["document_key"]
    assert json.loads(encode_any(refused.record))["reason"]


@pytest.mark.parametrize(
    "line",
    [
        b"{", b"[]", b"5", b'{"type": 5}', b"\xff", b'{"type": "RECORD", "stream": "orders", "rec',
        b'{"type": "STATE", "value": NaN}', b'{"type": "STATE", "value": ' + b"[" * 60_000,
        b'{"type": "BATCH"}',
    ],
    ids=range(9),
)  # fmt: skip
def test_a_line_that_is_no_record_ends_the_run_in_our_own_words(
    mappers: list[MapperGLRules], line: bytes
) -> None:
    with pytest.raises(InputError, match="line 1"):
        read(mappers[0], line)


@pytest.mark.parametrize("line", ['{"type": "STATE"}', '{"type": "STATE", "v": 1}'])
def test_a_message_without_its_parts_is_one_line(run_command: Any, tmp_path: Any, line: str, example_rules: Any) -> None:  # fmt: skip  # noqa: E501
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"rules_file": str(example_rules)}))
    done = run_command("--config", config, input=line + "\n")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("ERROR: the input is no Singer message")


def test_a_mistake_lets_the_tap_finish_and_is_read_last(run_command: Any, tmp_path: Any) -> None:
    (tmp_path / "config.json").write_text('{"rules_file": "/no/such/rules.yml"}')
    line = json.dumps({"type": "STATE", "value": {}}) + "\n"
    # More than a pipe holds: whoever writes it would be told of a closed pipe.
    with (tmp_path / "input").open("w+") as file:
        file.write(line * 100_000)
        file.seek(0)
        with subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE) as tap:
            done = run_command("--config", tmp_path / "config.json", stdin=tap.stdout)
            tap.stdout.close()
            assert tap.wait() == 0
    assert done.returncode == 1
    assert done.stdout == ""
    lines = [one for one in done.stderr.splitlines() if one.startswith("ERROR: ")]
    assert len(lines) == 2
    assert done.stderr.splitlines()[-1] == lines[0]


@pytest.mark.parametrize(
    ("config", "line", "outcome"),
    [
        ("{}", "", "stopped"),
        ('{"rules_file": 5}', "", "stopped"),
        ('{"rules_file": "/no/such/rules.yml"}', "", "stopped"),
        ("RULES", '{"type": "RECORD", "str', "retry"),  # its tap was killed
    ],
)
def test_whether_another_try_can_help_is_written_down(
    run_command: Any,
    example_rules: Any,
    tmp_path: Any,
    monkeypatch: Any,
    config: str,
    line: str,
    outcome: str,
) -> None:
    monkeypatch.setenv("CONNECTOR_FAILURES_FILE", str(tmp_path / "failures"))
    rules = json.dumps({"rules_file": str(example_rules)})
    (tmp_path / "config.json").write_text(config.replace("RULES", rules))
    done = run_command("--config", tmp_path / "config.json", input=line)
    told = json.loads((tmp_path / "failures").read_text())
    assert done.returncode == 1
    assert (told["program"], told["outcome"]) == ("mapper-gl-rules", outcome)
    assert f"ERROR: {told['error']}" in done.stderr


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 60_000, '{"rules_file": 5}'])
def test_a_settings_file_of_any_content_is_one_line(
    tmp_path: Any, text: str, monkeypatch: Any, capsys: Any
) -> None:
    config = tmp_path / "config.json"
    config.write_text(text)
    monkeypatch.setattr("sys.argv", ["mapper-gl-rules", "--config", str(config)])
    with pytest.raises(SystemExit) as left:
        main()
    error = capsys.readouterr().err.splitlines()[-1]
    assert left.value.code == 1
    assert error.startswith("ERROR: ")
    assert "config" in error


@given(st.randoms(use_true_random=False))
@settings(max_examples=400)
def test_records_of_any_shape(
    mappers: list[MapperGLRules], recorded_records: Any, chance: random.Random
) -> None:
    stream, recorded = chance.choice(recorded_records)
    record = json.loads(json.dumps(recorded, default=float))
    odd = {}
    for number in range(chance.choice([1, 1, 2, 4])):
        node: Any = record
        while True:
            key = chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
            if not isinstance(node[key], dict | list) or not node[key] or chance.random() < 0.2:
                break
            node = node[key]
        if isinstance(node, dict) and chance.random() < 0.1:
            del node[key]
        else:
            node[key], odd[str(number)] = f"@{number}@", chance.choice(ODD)
    mapper = chance.choice(mappers)
    for one in read(mapper, line_of(stream, record, **odd)):
        msgspec.json.decode(encode_any(one.record))
        assert "Error: " not in one.record.get("reason", "")


@pytest.mark.parametrize("value", ["9" * 5_000, '"1e400"', "1e400", '"-' + "9" * 400 + '"'])
@pytest.mark.parametrize(
    ("stream", "field"), [("orders", "qty_ordered"), ("invoices", "qty"), ("credit_memos", "qty")]
)
def test_a_quantity_that_nobody_could_read_is_refused(
    mappers: list[MapperGLRules], recorded_records: Any, stream: str, field: str, value: str
) -> None:
    """It must not be passed on: the target reads no line behind one that it cannot read."""
    record = json.loads(
        json.dumps(next(one for name, one in recorded_records if name == stream), default=float)
    )
    record["items"][0][field] = "@0@"
    (refused,) = read(mappers[0], line_of(stream, record, **{"0": value}))
    assert refused.stream == "refused_documents"
    assert field in refused.record["where"] + refused.record["reason"]
    msgspec.json.decode(encode_any(refused.record))


def test_scalars_are_found_in_any_bytes() -> None:
    text = b'{"a": NaN, "b": {"c": "x\\"y", "d": [{"e": 1}], "f": 2}, "g": ' + b"[" * 99_999
    assert scalars(text) == {"a": "NaN", "b.c": 'x"y', "b.f": "2"}
    assert scalars(b'{"a": "\\ud800\xff\x1b"}') == {"a": "\\ud800\ufffd"}
    assert scalars(b"}}}]]]") == {}
