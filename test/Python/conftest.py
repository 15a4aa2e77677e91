"""What all Python tests share: where the build is, and what a build with
sanitizers cannot do."""

import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("NORMC_BUILD_DIR", str(ROOT / "build" / "release"))
BUILD = pathlib.Path(os.environ["NORMC_BUILD_DIR"])


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "plain_build: for a build without sanitizers, whose "
        "libraries load into any program, which has its usual speed and "
        "address space")


def pytest_collection_modifyitems(items):
    if "-fsanitize=" not in (BUILD / "CMakeCache.txt").read_text():
        return
    for item in items:
        if item.get_closest_marker("plain_build"):
            item.add_marker(pytest.mark.skip("the build has sanitizers"))
