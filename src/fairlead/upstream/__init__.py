"""How we call the API."""
