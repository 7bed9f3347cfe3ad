"""The state of a run: what it is, as arrays for checkpoints, and the rules that it keeps."""
