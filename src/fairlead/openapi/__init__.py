"""Trades with OpenAPI: reads a provider's description, writes overlays, documents and descriptions."""
