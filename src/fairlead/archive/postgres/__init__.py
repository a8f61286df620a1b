"""The archive in a PostgreSQL database."""
