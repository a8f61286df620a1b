"""The forms in which events leave the archive, each a pure function of an event's bytes and fields."""
