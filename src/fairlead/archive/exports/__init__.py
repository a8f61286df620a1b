"""Events written to files: one file for a range of time, or a folder that takes the log as it grows."""
