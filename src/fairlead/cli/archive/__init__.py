"""The commands of `fairlead events`."""
