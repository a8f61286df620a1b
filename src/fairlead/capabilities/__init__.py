"""The documents Fairlead ships, each with its overlay."""
