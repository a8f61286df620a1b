"""What will happen: the compiled, frozen Plan. Pure: no I/O, no clock."""
