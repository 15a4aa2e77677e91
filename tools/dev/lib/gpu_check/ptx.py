"""Reads PTX: which operand a global access is of, how wide it is, and how much
of a row a thread asks for before it waits for any of it.

Only what a kernel of normc has: one entry, whose first parameter is a struct
normc_rows by value.
"""

import dataclasses
import re

from .bursts import Bursts

# Where normc_rows (include/norm/Runtime/normc_rows.h) has its pointers.
POINTERS = {8: "x", 16: "residual", 24: "weight", 32: "bias", 40: "scale",
            48: "y", 56: "residual_out", 64: "scale_out", 72: "rstd",
            80: "mean"}

# The operands that are as large as x; a sum may be read back.
ROW_OPERANDS = ("x", "residual", "residual_out")

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
_REGISTER = re.compile(r"%\w+(?:\.\w+)?")
_ADDRESS = re.compile(r"\[\s*([^\]+\s]+)\s*(?:\+\s*(-?\w+))?\s*\]")
_TYPE_BITS = re.compile(r"\.[busf](8|16|32|64|128)\b|\.(?:bf16x2|f16x2)\b")


@dataclasses.dataclass(frozen=True)
class Instruction:
    """Written registers and read ones; `opcode` without the guard."""
    opcode: str
    operands: str
    guard: str = ""

    @property
    def space(self):
        for space in ("global", "local", "shared", "param"):
            if f".{space}" in self.opcode:
                return space
        return ""

    @property
    def is_load(self):
        return self.opcode.startswith("ld.")

    @property
    def is_store(self):
        return self.opcode.startswith(("st.", "red.", "atom."))

    @property
    def access_bytes(self):
        """Of one thread, by vector and type."""
        bits = _TYPE_BITS.findall(self.opcode)
        vector = re.search(r"\.v(\d)\b", self.opcode)
        return (int(bits[-1] or 32) // 8) * int(vector[1] if vector else 1)

    def address(self):
        """The register or symbol of an address, and the offset."""
        match = _ADDRESS.search(self.operands)
        return (match[1], int(match[2] or "0", 0)) if match else None

    def written(self):
        if self.is_store or self.opcode.split(".")[0] in (
                "bra", "bar", "barrier", "ret", "fence", "membar", "call"):
            return []
        first = re.match(r"\s*(\{[^}]*\}|[^,]+)", self.operands)
        return _REGISTER.findall(first[0]) if first else []

    def read(self):
        if self.is_store or not self.written():
            rest = self.operands
        else:
            rest = re.sub(r"^\s*(\{[^}]*\}|[^,]+)", "", self.operands)
        return _REGISTER.findall(rest) + _REGISTER.findall(self.guard)


@dataclasses.dataclass(frozen=True)
class Access:
    """Of global memory by one thread."""
    operand: str
    is_load: bool
    bytes: int


@dataclasses.dataclass
class Program:
    instructions: list
    threads: int  # per block
    cluster: int
    shared_bytes: int
    has_local_depot: bool

    def count(self, *prefixes):
        return sum(each.opcode.startswith(prefixes)
                   for each in self.instructions)

    @property
    def local_accesses(self):
        return self.has_local_depot + sum(
            each.space == "local" for each in self.instructions)


def _directive(text, name):
    match = re.search(rf"\.{name}\s+(\d+)", text)
    return int(match[1]) if match else 1


def parse(text):
    """A Program of the first entry in `text`: the general one follows it."""
    text = _COMMENT.sub("", text)
    text = text[:text.index(".entry")] + ".entry" + text.split(".entry")[1]
    body = text[text.index("{", text.index(")", text.index(".entry"))):]
    instructions = []
    for statement in re.split(r";|\n(?=\s*[$\w]+:)|:\s*\n", body):
        match = re.match(r"[\s{}]*(@!?%\w+\s+)?([a-z][\w.:]*)\s*(.*)",
                         statement.strip(), re.S)
        if match:
            instructions.append(Instruction(match[2], match[3].strip(),
                                            match[1] or ""))
    shared = re.findall(r"\.shared\s+\.align\s+\d+\s+\.b8\s+\w+\[(\d+)\]", text)
    return Program(instructions, _directive(text, "maxntid"),
                   _directive(text, "reqnctapercluster"),
                   sum(map(int, shared)), ".local .align" in text)


# Instructions that make an address of an address.
_POINTER_STEPS = ("add", "sub", "mad", "mov", "cvta", "selp")


def _pointer_roles(program):
    """For each register the operands that it may point into. Registers are not
    single-assignment, so this goes on until nothing changes."""
    structs, roles = set(), {}
    changed = True

    def merge(register, found):
        nonlocal changed
        known = roles.setdefault(register, set())
        if not found <= known:
            known |= found
            changed = True

    while changed:
        changed = False
        for each in program.instructions:
            written = each.written()
            if each.opcode.startswith("mov") and re.search(r"_param_0\s*$",
                                                           each.operands):
                structs.update(written)
            elif each.is_load and each.space == "param":
                base, offset = each.address()
                if (base in structs or base.endswith("_param_0")) and \
                        offset in POINTERS:
                    merge(written[0], {POINTERS[offset]})
            elif each.opcode.startswith(_POINTER_STEPS):
                found = set().union(*(roles.get(r, set()) for r in each.read()))
                for register in written if found else []:
                    merge(register, found)
    return roles


def _operand(instruction, roles):
    base, _ = instruction.address()
    found = roles.get(base, set())
    return min(found) if len(found) == 1 else "unknown"


def global_accesses(program):
    roles = _pointer_roles(program)
    return [Access(_operand(each, roles), each.is_load, each.access_bytes)
            for each in program.instructions
            if each.space == "global" and (each.is_load or each.is_store)]


# The assembler puts these after the loads whose results they take.
_MOVES = ("mov", "cvt", "prmt", "shl", "and")


def bytes_before_use(program, held):
    """Bytes of the row (x, residual) that a thread asks for before it waits,
    in the order of the PTX; `held`: the row is read once."""
    roles, bursts = _pointer_roles(program), Bursts(held)
    for each in program.instructions:
        if each.is_load and each.space == "global":
            if _operand(each, roles) in ROW_OPERANDS:
                bursts.load(each.access_bytes, each.written())
        elif each.is_store and each.space == "global":
            bursts.store()
        elif each.opcode.startswith("shfl"):
            bursts.shuffle()
        elif bursts.waits_for(each.read()):
            if each.opcode.startswith(_MOVES):
                bursts.move(each.written())
            else:
                bursts.wait()
    return bursts.worst()
