"""Finds the loops of a kernel that go over a row, and what each is for."""

import dataclasses

from . import counts
from .loops import find_loops
from .motion import Motion


@dataclasses.dataclass
class RowLoop:
    """`role` is one of mean, statistic (in layernorm the squares), sum (of x
    and the residual, with the statistic of it), output, merged (output and
    the next row's statistic) and widening (of a weight, once per call); of
    whole rows row and group, of rows. `row_bytes` of x are done per iteration.
    """
    label: str
    role: str
    row_bytes: float
    counts: dict
    instructions: list
    is_main: bool = True  # not for the rest of a row, or of rows
    widened: bool = False  # reads a weight that was widened into the frame
    reloads: bool = False  # does not, and is there for few rows

    @property
    def kind(self):
        return "whole" if self.role in ("row", "group") else self.role

    def per_line(self, field):
        """Per 64 bytes of x."""
        return self.counts[field] * 64 / self.row_bytes


def _mark_rests(loops, part):
    """Those that do less than a part of what another does at once."""
    for loop in loops:
        loop.is_main = loop.row_bytes >= part * max(
            other.row_bytes for other in loops if other.kind == loop.kind)
    return loops


def _places(function, instruction):
    """What a vector instruction reads and the register or slot it writes."""
    *sources, target = instruction.operands
    slot = instruction.memory and function.is_slot(instruction.memory.memory)
    reads = [o.register for o in sources if o.bits]
    if counts.is_zeroing(instruction):
        reads = []
    if slot and instruction.reads_memory:
        reads.append(instruction.memory.memory)
    written = target.register if target and target.bits else None
    if slot and instruction.writes_memory:
        written = target.memory
    # These read the register that they write.
    if written and (target.mask or instruction.mnemonic.startswith(
            ("vf", "vdp", "vpternlog", "vpermt2", "vpermi2"))):
        reads.append(written)
    return reads, written


def _accumulates(function, instructions):
    """Whether a vector register is made of what it was an iteration before."""
    steps = [_places(function, i) for i in instructions if i.is_vector]
    for start in {written for _, written in steps if written}:
        made = {start}
        for reads, written in steps:
            if not made.isdisjoint(reads):
                made.add(written)
            else:
                made.discard(written)
        if start in made:
            return True
    return False


def _accesses(loop, instructions):
    """Pairs of a vector instruction with memory outside of the frame and by
    how much that moves."""
    motion = Motion(loop)
    return [(i, motion.advance(i)) for i in instructions
            if i.is_vector and i.memory and i.memory.memory.base != "rip" and
            not loop.function.is_slot(i.memory.memory)]


def _points_to_frame(loop, register):
    """Whether what a register holds before a loop was made of the address of
    the frame, by `lea` or additions, and may be by way of a slot."""
    blocks, frame = loop.function.blocks, loop.function.frame

    def place(operand):
        slot = loop.function.is_slot(operand.memory)
        return operand.memory if slot else operand.register
    before = [[i for i, block in enumerate(blocks) if at in block.next]
              for at in range(len(blocks))]
    whole = len(max(blocks, key=lambda b: len(b.instructions)).instructions)
    work, seen = [(block, whole, register) for block in before[loop.header]
                  if block not in loop.blocks], set()
    while work:
        block, end, name = work.pop()
        if (block, end, name) in seen:
            continue
        seen.add((block, end, name))
        code = blocks[block].instructions[:end]
        made = next((i for i in reversed(range(len(code)))
                     if code[i].target and place(code[i].target) == name and
                     not code[i].mnemonic.startswith(("cmp", "test"))), None)
        if made is None:
            work += [(each, whole, name) for each in before[block]]
            continue
        sources = []
        if code[made].mnemonic.startswith("lea"):
            memory = code[made].operands[0].memory
            if memory.base in frame:
                return True
            sources = [memory.base, memory.index]
        elif code[made].mnemonic.startswith(("mov", "add")):
            sources = [place(code[made].operands[0])]
            if code[made].mnemonic.startswith("add"):
                sources.append(name)
        work += [(block, made, source) for source in sources if source]
    return False


def _in_buffer(loop, instruction):
    """Whether it goes through a buffer in the frame."""
    memory = instruction.memory and instruction.memory.memory
    return bool(memory and memory.index and (
        memory.base in loop.function.frame or
        _points_to_frame(loop, memory.base)))


def _role(loop, instructions, moving, is_layernorm, has_residual):
    stores = any(i.writes_memory for i in moving)
    if stores and all(_in_buffer(loop, i) for i in moving if i.writes_memory):
        return "widening"
    if not _accumulates(loop.function, instructions):
        return "output" if stores else None
    if stores:
        return "sum" if has_residual else "merged"
    if not is_layernorm:
        return "statistic"
    squares = any(i.mnemonic.startswith("vsub") for i in instructions)
    return "statistic" if squares else "mean"


def row_loops(function, is_layernorm, has_residual):
    """The inner loops along a row, in the order in which they stand."""
    result = []
    for loop in find_loops(function):
        if not loop.is_innermost:
            continue
        instructions = loop.instructions()
        moving = [(i, a) for i, a in _accesses(loop, instructions) if a]
        role = moving and _role(loop, instructions, [i for i, _ in moving],
                                is_layernorm, has_residual)
        if role:
            # Nothing in a row is narrower than x.
            row_bytes = min(abs(a) for _, a in moving)
            result.append(RowLoop(
                function.blocks[loop.header].label, role, row_bytes,
                counts.count(function, instructions), instructions,
                widened=role == "output" and any(
                    _in_buffer(loop, i) for i, _ in moving)))
    for loop in result:
        loop.reloads = not loop.widened and any(
            other.widened and other.role == loop.role for other in result)
    return _mark_rests(result, 1 / 2)


def _rows_at_once(instructions):
    """By the roots that are drawn: each row has one, and groups of rows share
    the instruction."""
    lanes = {"vsqrtps": lambda i: i.target.bits // 32, "vsqrtss": lambda i: 1}
    return sum(lanes[i.mnemonic](i) for i in instructions
               if i.mnemonic in lanes)


def _trips(loop, n_bytes, rows):
    """How often a loop within the loop over rows runs for each of its
    iterations."""
    accesses = _accesses(loop, loop.instructions())
    moving = [(i, abs(a)) for i, a in accesses
              if a and i.memory.memory.base not in loop.function.frame]
    others = [i for i, advance in accesses if advance is None]
    if moving and not others:
        # Of stores if there are any: a weight may be wider than x.
        step = max([a for i, a in moving if i.writes_memory] or
                   [a for _, a in moving])
        return n_bytes * (rows if step >= n_bytes else 1) / step
    # It goes from row to row of a group, by a stride that is not known or in
    # the frame. What it stores is one row; else what it loads.
    stores = [i for i in others if i.writes_memory]
    done = sum(map(counts.access_bytes, stores or others))
    return rows / max(1, round(done / n_bytes))


def whole_rows(function, n_bytes):
    """The loops over rows of `n_bytes` of x, each with all that it does for a
    row or a group of rows, straight or in loops of its own."""
    result = []
    for loop in find_loops(function):
        rows = _rows_at_once(loop.instructions())
        if not rows:
            continue
        total, text = dict.fromkeys(counts.FIELDS, 0), []
        for part in [loop, *loop.children]:
            instructions = part.instructions()
            trips = 1 if part is loop else _trips(part, n_bytes, rows)
            text += instructions
            for field, value in counts.count(function, instructions).items():
                total[field] += value * trips
        result.append(RowLoop(
            function.blocks[loop.header].label, "group" if rows > 1 else "row",
            rows * n_bytes, total, text))
    return _mark_rests(result, 1)
