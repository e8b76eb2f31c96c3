"""For tests and benchmarks: running sandboxes that end with their test, and Singer catalogs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from commerce_sandbox import shop
from commerce_sandbox.handle import SandboxHandle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["SandboxHandle", "sandbox", "sandbox_factory", "select_streams"]


@pytest.fixture
def sandbox_factory(tmp_path: Path) -> Iterator[Callable[..., SandboxHandle]]:
    """Return a function that starts sandboxes, which end with the test.

    A test fails when its sandbox had an error of its own: what it proved would prove nothing.

    Its options are those of :class:`SandboxHandle`: ``shop_name`` (``recorded``) and
    ``data_dir`` (a fresh folder).
    """
    handles: list[SandboxHandle] = []

    def start(shop_name: str = shop.RECORDED, *, data_dir: Path | None = None) -> SandboxHandle:
        folder = data_dir or tmp_path / f"sandbox-{len(handles) + 1}"
        handles.append(SandboxHandle(folder, shop_name))
        return handles[-1]

    yield start
    for handle in handles:
        handle.stop()
    crashes = [handle.log() for handle in handles if "Traceback" in handle.log()]
    if crashes:
        pytest.fail(f"the sandbox itself has crashed:\n{crashes[0]}", pytrace=False)


@pytest.fixture
def sandbox(sandbox_factory: Callable[..., SandboxHandle]) -> SandboxHandle:
    """Return a fresh running sandbox with the recorded shop and an Exact company."""
    return sandbox_factory()


def select_streams(discovered: str | bytes, *streams: str) -> dict[str, Any]:
    """Return a Singer catalog in which only these streams are selected.

    Args:
        discovered: What the tap wrote for ``--discover``.
        streams: Their names.
    """
    catalog: dict[str, Any] = json.loads(discovered)
    for stream in catalog["streams"]:
        root = next(part for part in stream["metadata"] if not part["breadcrumb"])
        root["metadata"]["selected"] = stream["tap_stream_id"] in streams
    return catalog
