"""What the results say about the machine, and what kind of CPU it is."""

import hashlib
import os
import pathlib
import platform
import re
import subprocess

from .cases import FUSED, Machine

ROOT = pathlib.Path(__file__).resolve().parents[4]
CPU = ROOT / "test" / "Performance" / "cpu"

# Those that decide what the yardstick and the kernels can use.
FLAGS = ["fma", "f16c", "avx2", "avx512f", "avx512bw", "avx512dq", "avx512vl",
         "avx512_bf16", "avx512_fp16", "avx_vnni", "hypervisor"]

AVX512, AVX2 = "x86-64-v4-bf16", "x86-64-v3"
LEVELS = [AVX512, AVX2]


def cpu_fields():
    """The first processor of /proc/cpuinfo."""
    text = pathlib.Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def caches():
    """Bytes by name, as Linux tells them of the first CPU."""
    sizes = {}
    here = pathlib.Path("/sys/devices/system/cpu/cpu0/cache")
    for index in sorted(here.glob("index*")):
        level, kind, size = ((index / name).read_text().strip()
                             for name in ("level", "type", "size"))
        if kind != "Instruction":
            sizes[f"l{level}"] = int(size.rstrip("K")) * 1024
    return sizes


def commit():
    """HEAD, with a + if what the kernels depend on differs from it."""
    def git(*arguments):
        result = subprocess.run(["git", "-C", ROOT, *arguments],
                                capture_output=True, text=True)
        return result.stdout.strip() if result.returncode == 0 else ""
    changed = git("status", "--porcelain", "--", "lib", "include", CPU)
    return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")


def identify():
    """The CPU as Linux knows it, and the commit."""
    fields = cpu_fields()
    flags = fields.get("flags", "").split()
    return {"cpu": fields.get("model name", platform.machine()),
            "family": int(fields.get("cpu family", 0)),
            "model": int(fields.get("model", 0)),
            "flags": [flag for flag in FLAGS if flag in flags],
            "caches": caches(), "kernel": platform.release(),
            "commit": commit()}


def describe(runner):
    """The machine, for the first line of the results. `runner` is what
    norm-bench-cpu says of it."""
    return dict(identify(), **{key: runner[key] for key in (
        "llc_bytes", "cpus", "target", "compiler")})


def limits(machine):
    """What decides on the cases, of the machine that this runs on."""
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    return Machine(machine["caches"].get("l2", 1 << 20), machine["llc_bytes"],
                   available * 6 // 10, machine["cpus"])


def levels(machine):
    """The levels that have a yardstick and run here, highest first."""
    wanted = {AVX512: ["avx512f", "avx512bw", "avx512vl", "avx512_bf16"],
              AVX2: ["avx2", "fma", "f16c"]}
    return [level for level in LEVELS
            if set(wanted[level]) <= set(machine["flags"])]


def kind(machine):
    """zen4 or zen5 where the published measurements are of such a CPU, else
    None."""
    if "AMD" not in machine["cpu"]:
        return None
    if machine["family"] == 0x1a:
        return "zen5"
    if machine["family"] == 0x19 and "avx512_bf16" in machine["flags"]:
        return "zen4"
    return None


def yardstick_hash(op):
    """Of the sources of what cases of `op` are measured against: the
    yardstick, or the fused kernel's separate steps. Comments and white space
    do not count."""
    paths = ([CPU / "Copy.cpp", *(CPU / "separate").glob("*.*")]
             if op == FUSED else (CPU / "handwritten").glob("*.*"))
    digest = hashlib.sha256()
    for path in sorted(paths):
        text = re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(), flags=re.S)
        digest.update(f"{path.name} {' '.join(text.split())}\n".encode())
    return digest.hexdigest()[:8]
