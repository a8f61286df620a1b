"""How others reach us: REST, MCP and the page."""
