"""Runs capability documents as REST and MCP."""
