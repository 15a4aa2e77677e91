"""How lit runs the FileCheck tests: what is a test, where its tools are, and
what this machine has. The paths come from lit.site.cfg.py in the build tree."""

import os
import platform
import shutil
import sys

import lit.formats

config.name = "normc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test", ".ll"]
# Unit, Oracle and Python have runners of their own, Embedding holds projects,
# Inputs are parts of tests.
config.excludes = ["Embedding", "Inputs", "Oracle", "Python", "Unit"]
config.test_source_root = os.path.dirname(__file__)

# norm-opt, normc; mlir-opt, mlir-runner, mlir-translate, opt, llc, FileCheck,
# not, split-file, llvm-objdump, llvm-nm: from these two directories, before
# whatever else the machine has by those names.
path = [config.norm_tools_dir, config.llvm_tools_dir, os.environ["PATH"]]

# MLIR looks for ptxas in these places as well.
cuda = [os.path.join(os.environ[variable], "bin")
        for variable in ("CUDA_ROOT", "CUDA_HOME", "CUDA_PATH")
        if os.environ.get(variable)]
ptxas = shutil.which("ptxas", path=os.pathsep.join(path + cuda))
if ptxas:
    config.available_features.add("ptxas")
    path.append(os.path.dirname(ptxas))
config.environment["PATH"] = os.pathsep.join(path)

# A program without the sanitizers' runtime cannot load a plugin with it.
if "-fsanitize=" not in config.norm_compile_flags:
    config.available_features.add("stock-plugin")

config.substitutions += [
    ("%plugin", config.norm_plugin_path),
    ("%python", config.python or sys.executable),
    ("%include", os.path.join(config.norm_source_dir, "include")),
]

# Every norm-opt of the suite also checks that what it prints parses back to
# the same, unless the caller sets this to 0 or off.
round_trip = os.environ.get("NORM_OPT_VERIFY_ROUNDTRIP", "1")
if round_trip.lower() not in ("", "0", "off"):
    config.environment["NORM_OPT_VERIFY_ROUNDTRIP"] = "1"

if os.environ.get("NORMC_TEST_LONG", "0") not in ("", "0"):
    config.environment["NORMC_TEST_LONG"] = "1"
    config.available_features.add("long")

# What the processor has, by the kernel's names: "REQUIRES: avx512_bf16".
machine = platform.machine()
config.available_features.add(machine)
if machine == "x86_64" and os.path.exists("/proc/cpuinfo"):
    with open("/proc/cpuinfo") as info:
        flags = next((line for line in info if line.startswith("flags")), "")
    config.available_features |= set(flags.split()) & {
        "avx2", "avx512_bf16", "avx512f", "f16c", "fma"}
