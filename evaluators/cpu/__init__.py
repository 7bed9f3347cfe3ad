"""The engine that runs networks on all CPU cores."""
