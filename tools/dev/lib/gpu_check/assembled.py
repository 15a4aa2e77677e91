"""What ptxas says of a kernel, and what its machine code does, where NVIDIA's
tools are found; neither is required."""

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess

from .bursts import Bursts
from .kernels import Failure


def find_tool(name):
    """On the path, or where the CUDA toolkit is by its usual variables."""
    folders = [os.environ.get("PATH", "")]
    folders += [os.path.join(os.environ[variable], "bin")
                for variable in ("CUDA_ROOT", "CUDA_HOME", "CUDA_PATH")
                if os.environ.get(variable)]
    return shutil.which(name, path=os.pathsep.join(folders))


def find_disassembler():
    return find_tool("nvdisasm") or find_tool("cuobjdump")


def ptxas_version(ptxas):
    text = subprocess.run([ptxas, "--version"], capture_output=True,
                          text=True).stdout
    match = re.search(r"release ([\d.]+)", text)
    return match[1] if match else "unknown"


@dataclasses.dataclass
class Assembled:
    registers: int
    spill_bytes: int  # stores and loads
    stack_bytes: int
    shared_bytes: int
    barriers: int


def parse_ptxas(text):
    """From `ptxas -v` of a file with one entry."""
    used = re.search(r"Used (\d+) registers", text)
    if not used:
        return None

    def number(pattern):
        match = re.search(pattern, text)
        return int(match[1]) if match else 0

    return Assembled(
        registers=int(used[1]),
        spill_bytes=number(r"(\d+) bytes spill stores") +
        number(r"(\d+) bytes spill loads"),
        stack_bytes=number(r"(\d+) bytes stack frame"),
        shared_bytes=number(r"(\d+) bytes smem"),
        barriers=number(r"used (\d+) barriers"))


def assemble(ptxas, path, target):
    """Writes the machine code beside the PTX. None where this ptxas does not
    know the target."""
    path = pathlib.Path(path)
    result = subprocess.run(
        [ptxas, "-v", f"-arch={target}", path, "-o",
         path.with_suffix(".cubin")],
        capture_output=True, text=True)
    text = result.stdout + result.stderr
    if result.returncode != 0:
        if re.search(r"is not defined for option 'gpu-name'", text):
            return None
        raise Failure(f"ptxas refuses {path.name}:\n{text.strip()}", 1)
    return parse_ptxas(text)


# LDG.E.128.CONSTANT R4, desc[UR4][R2.64+0x400]; without a size 4 bytes.
_SASS = re.compile(r"/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)"
                   r"\s*([^;]*);")
_SASS_BYTES = {"U8": 1, "S8": 1, "U16": 2, "S16": 2, "64": 8, "128": 16,
               "256": 32}


def _sass_bytes(opcode):
    sizes = [_SASS_BYTES[part] for part in opcode.split(".")
             if part in _SASS_BYTES]
    return sizes[-1] if sizes else 4


def _group(register, bytes_):
    """R4 of a 16-byte load is R4 to R7."""
    first = int(register[1:])
    return {f"R{first + i}" for i in range(max(1, bytes_ // 4))}


@dataclasses.dataclass
class MachineCode:
    accesses: dict  # (is_load, bytes) -> instructions
    bytes_before_use: int
    instructions: int


def parse_sass(text, held):
    """Counts global accesses. Loads through the read-only path are those of
    weight and bias; the others are of the row."""
    accesses, bursts = {}, Bursts(held)
    instructions = _SASS.findall(text)
    for opcode, operands in instructions:
        name = opcode.split(".")[0]
        registers = re.findall(r"\bR\d+\b", operands)
        if name in ("LDG", "STG"):
            bytes_ = _sass_bytes(opcode)
            key = (name == "LDG", bytes_)
            accesses[key] = accesses.get(key, 0) + 1
        # A register that a load overwrites had been waited for.
        if bursts.waits_for(registers):
            bursts.wait()
        if name == "LDG" and ".CONSTANT" not in opcode:
            bursts.load(bytes_, _group(registers[0], bytes_))
        elif name == "STG":
            bursts.store()
        elif name == "SHFL":
            bursts.shuffle()
    return MachineCode(accesses, bursts.worst(), len(instructions))


def disassemble(tool, path, held):
    cubin = pathlib.Path(path).with_suffix(".cubin")
    option = "-c" if pathlib.Path(tool).name.startswith("nvdisasm") else "-sass"
    result = subprocess.run([tool, option, cubin], capture_output=True,
                            text=True)
    if result.returncode != 0:
        raise Failure(f"{pathlib.Path(tool).name} refuses {cubin.name}:\n"
                      f"{result.stderr.strip()}", 1)
    return parse_sass(result.stdout, held)
