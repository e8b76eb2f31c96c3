"""A few simulated lives: the real posting against Exact, people and accidents, drawn from seeds."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

#: Seeds and days. What a seed once found has a test of its own where it belongs.
LIVES = [(4, 9), (8, 8), (11, 9), (15, 8)]


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("simulator")
    for name in [name for name in sys.modules if name.startswith("simulator")]:
        del sys.modules[name]


@pytest.mark.parametrize(("seed", "days"), LIVES)
def test_a_life_without_a_mistake(simulator: Any, seed: int, days: int) -> None:
    life = simulator.live(seed, days)
    assert not life.found
    assert life.figures["documents"] > days


def test_a_seed_is_lived_again_call_by_call(simulator: Any) -> None:
    assert simulator.live(3, 3).trace == simulator.live(3, 3).trace
