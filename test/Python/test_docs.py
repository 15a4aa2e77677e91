"""Every command of README.md and docs/ runs."""

import os
import pathlib
import re
import shutil
import subprocess

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["NORMC_BUILD_DIR"]).resolve()
DOCUMENTS = ["README.md", *(f"docs/{path.name}"
                            for path in sorted((ROOT / "docs").glob("*.md")))]
# Tests of their own have what these do, or they contain this one.
ELSEWHERE = ("tools/dev/", "pip install", "cmake --install")


def blocks(document):
    text = (ROOT / document).read_text()
    return [block for block in re.findall(r"^```sh\n(.*?)^```", text,
                                          re.MULTILINE | re.DOTALL)
            if not any(word in block for word in ELSEWHERE)]


def test_finds_commands():
    assert len(blocks("README.md")) > 5
    assert len(blocks("docs/GettingStarted.md")) > 5


@pytest.mark.plain_build
@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands(document, tmp_path):
    """In a directory that looks like the checkout, one block after another."""
    for path in ROOT.iterdir():
        if path.name not in ("build", ".git"):
            (tmp_path / path.name).symlink_to(path)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "release").symlink_to(BUILD)
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.normal(size=(8, 4096)).astype(np.float32))
    np.save(tmp_path / "w.npy", np.ones(4096, np.float32))
    environment = dict(os.environ)
    environment["PATH"] = f"{BUILD / 'bin'}:{environment['PATH']}"
    for block in blocks(document):
        if "gcc " in block and not shutil.which("gcc"):
            continue
        result = subprocess.run(["bash", "-euo", "pipefail", "-c", block],
                                cwd=tmp_path, env=environment,
                                capture_output=True, text=True)
        assert result.returncode == 0, block + result.stderr
        if "1/sqrt(1 + 3)" in block:
            assert result.stdout.splitlines()[-1] == "0.5"
