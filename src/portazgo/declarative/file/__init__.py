"""Reading a file for the command line: YAML 1.2 with positions, includes, imports, `settings`. No Django."""
