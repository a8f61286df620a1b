"""The media types behind the words that documents have for formats of answers."""

from __future__ import annotations

from collections.abc import Mapping

MEDIA_TYPES: Mapping[str, str] = {
    "json": "application/json", "xml": "application/xml", "yaml": "application/yaml", "csv": "text/csv",
    "tsv": "text/tab-separated-values", "html": "text/html", "markdown": "text/markdown", "text": "text/plain",
}  # fmt: skip
ANY_BYTES = "application/octet-stream"
