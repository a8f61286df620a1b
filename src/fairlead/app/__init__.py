"""The composition root: opens what a server needs, in order, and closes it in the opposite one."""
