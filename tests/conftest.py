"""What holds for all tests."""

import signal


def pytest_configure():
    """Ctrl-C works, though a shell's background jobs ignore it and hand that on to what they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
