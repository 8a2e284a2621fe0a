"""What all tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.command import command
from tests.generated import own_path

__all__ = ["command"]

# The same examples in every run of CI; HYPOTHESIS_PROFILE=deep looks for new ones,
# and =few is for the trials of tools/mutation.
settings.register_profile(
    "ci", max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("deep", max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
settings.register_profile("few", settings.get_profile("ci"), max_examples=10)
# What servers said in other runs is nobody's business here; what keeps something names a folder itself.
os.environ["COMFYFLOW_CACHE"] = "off"

# A shell that runs the tests in the background has them ignore Ctrl-C, and what they start inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def imports_of_its_own() -> Generator[None, None, None]:
    """A test has the path of imports to itself: commands that run in this process add to it."""
    with own_path():
        yield
