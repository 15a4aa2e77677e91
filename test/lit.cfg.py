"""lit's configuration: tools come from the build tree and from LLVM's."""

import os
import platform

import lit.formats

config.name = "normc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "Unit", "Oracle", "Embedding"]
config.test_source_root = os.path.dirname(__file__)
config.environment["PATH"] = os.pathsep.join(
    [config.norm_tools_dir, config.llvm_tools_dir, config.environment["PATH"]])
config.substitutions.append(
    ("%plugin", os.path.join(config.norm_lib_dir, "NormPlugin.so")))
config.substitutions.append(("%include", os.path.join(config.norm_source_dir, "include")))

if platform.machine() == "x86_64" and os.path.exists("/proc/cpuinfo"):
    with open("/proc/cpuinfo") as info:
        flags = set(
            next((l for l in info if l.startswith("flags")), "").split())
    config.available_features |= flags & {
        "avx2", "avx512f", "avx512_bf16", "fma", "f16c"}
    config.available_features.add("x86_64")
