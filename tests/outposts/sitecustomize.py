"""Loaded by every Python that a test starts: what it does must stay on this machine, too (tests/loopback.py)."""

import importlib.util
import sys
from pathlib import Path

is_a_process_of_tests = "sys.stdin.readline" in " ".join(
    sys.orig_argv
)  # of xdist, which loads the plugin itself
if importlib.util.find_spec("pytest") is not None and not is_a_process_of_tests:
    place = Path(__file__).parent.parent / "loopback.py"
    spec = importlib.util.spec_from_file_location("loopback_of_tests", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.addaudithook(module.watch)
