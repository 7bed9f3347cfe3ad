"""The command line: its options, the config they make, and its output streams."""
