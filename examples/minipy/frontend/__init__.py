"""minipy's front end: a file of Python in, the VM's bytecode out."""
