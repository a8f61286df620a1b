"""What the author wrote: documents, positions, diagnostics, overlays."""
