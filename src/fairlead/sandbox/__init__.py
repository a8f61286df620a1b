"""A stand-in for the Qovery API."""
