"""What holds for all tests: Ctrl-C interrupts, as it does for a person at a terminal."""

import signal

import pytest

# They have no doctests, and both would be collected as the module "conftest".
collect_ignore = ["conftest.py", "benchmarks/conftest.py"]


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c():
    # A shell starts what it puts into the background with SIGINT ignored, and children inherit it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
