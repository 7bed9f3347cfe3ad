"""Wait for what other threads and processes do."""

import time


def wait_until(condition, seconds=120.0, pause=0.02):
    """Look every `pause` seconds whether the condition is true, and fail after this many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(pause)
