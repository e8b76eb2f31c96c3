"""Hooks of the documentation site: READMEs as reference, links to the repository's other files.

A link to a file that is not there is a warning, and the site is built with warnings as errors.
"""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
READMES = {
    "tap-adobe-commerce": "tap-adobe-commerce",
    "tap-exact-online": "tap-exact-online",
    "mapper-gl-rules": "mappers/gl-rules",
    "target-exact-online": "target-exact-online",
    "target-adobe-commerce": "target-adobe-commerce",
    "adobe-commerce-client": "adobe-commerce-client",
    "exact-online-client": "exact-online-client",
    "connector-credentials": "credentials",
    "connector-program": "program",
    "commerce-sandbox": "sandbox",
}
_LINK = re.compile(r"(?<!!)\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")
_log = logging.getLogger("mkdocs.plugins.docs_site")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the README of each distribution as a page."""
    for name, folder in READMES.items():
        text = (ROOT / folder / "README.md").read_text(encoding="utf-8")
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to files outside the site into links to the repository."""
    source = page.file.src_uri
    name = source.removeprefix("reference/").removesuffix(".md")
    base = (
        READMES[name] if source.startswith("reference/") else posixpath.join("docs", source, "..")
    )

    def turned(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(base, link[1]))
        anchor = link[2] or ""
        inside = target.removeprefix("docs/")
        if target.startswith("docs/") and files.get_file_from_path(inside):
            start = posixpath.dirname(source) or "."
            return f"]({posixpath.relpath(inside, start)}{anchor})"
        if not (ROOT / target).exists():
            _log.warning("%s links to %s, which is not there", source, link[1])
        return f"]({config.repo_url}/blob/main/{target}{anchor})"

    return _LINK.sub(turned, markdown)
