"""What holds for all tests: Ctrl-C interrupts, as it does for a person at a terminal."""

import signal

import pytest


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c():
    # A shell starts what it puts into the background with SIGINT ignored, and children inherit it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
