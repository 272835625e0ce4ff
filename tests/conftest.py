"""What holds for all tests: the same examples each time, and Ctrl-C as at a terminal."""

import importlib.util
import signal

import hypothesis
import pytest

hypothesis.settings.register_profile("same", derandomize=True, database=None, deadline=None)
hypothesis.settings.load_profile("same")

# They have no doctests, and both would be collected as the module "conftest".
collect_ignore = ["conftest.py", "benchmarks/conftest.py"]
# What the tests import; without this, asserts in it are nothing under python -O.
pytest.register_assert_rewrite("agreement", "good_calls", "growth")


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c():
    # A shell starts what it puts into the background with SIGINT ignored, and children inherit it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def module_of():
    """Return a function that makes a module of a script."""

    def made(path):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return made
