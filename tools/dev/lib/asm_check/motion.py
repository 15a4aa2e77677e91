"""Finds by how many bytes each access of a loop moves in one iteration.

Values of registers and of stack slots are sums: a constant and multiples of
what registers held when the iteration began. Anything else is a new unknown.
"""

import dataclasses
import itertools


@dataclasses.dataclass(frozen=True)
class Sum:
    constant: int = 0
    terms: frozenset = frozenset()  # of (unknown, factor)

    def plus(self, other, factor=1):
        factors = dict(self.terms)
        for name, value in other.terms:
            factors[name] = factors.get(name, 0) + value * factor
        return Sum(self.constant + other.constant * factor,
                   frozenset((n, f) for n, f in factors.items() if f))

    def times(self, factor):
        return Sum().plus(self, factor)


def of(name):
    return Sum(0, frozenset([(name, 1)]))


# Written without being named.
_CALLER_SAVED = ("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11")
_SILENT = {"mul": ("rax", "rdx"), "div": ("rax", "rdx"),
           "idiv": ("rax", "rdx"), "cqto": ("rdx",), "cltq": ("rax",),
           "call": _CALLER_SAVED}
_NO_RESULT = ("cmp", "test", "bt", "j", "push", "prefetch", "nop", "ret",
              "sfence", "lfence", "mfence", "ud2", "int3", "vzero")


class State:
    """What is known between two instructions of a function."""

    def __init__(self, function):
        self.function = function
        self.values = {}

    def get(self, name):
        return self.values.get(name, of(name))

    def address(self, memory):
        result = Sum(memory.displacement)
        if memory.symbol:
            result = result.plus(of(memory.symbol))
        if memory.base and memory.base != "rip":
            result = result.plus(self.get(memory.base))
        if memory.index:
            result = result.plus(self.get(memory.index), memory.scale)
        return result

    def read(self, operand, fresh):
        if operand.immediate is not None:
            return Sum(operand.immediate)
        if operand.register:
            return self.get(operand.register)
        if self.function.is_slot(operand.memory):
            return self.get(operand.memory)
        return fresh()

    def write(self, operand, value):
        name = operand.register
        if self.function.is_slot(operand.memory):
            name = operand.memory
        if name:
            self.values[name] = value


def _evaluate(mnemonic, operands, state, fresh):
    """The value that a scalar instruction writes to its last operand."""
    stem = mnemonic.rstrip("bwlq")
    target = operands[-1]
    if stem in ("mov", "movabs") and len(operands) == 2:
        return state.read(operands[0], fresh)
    if mnemonic.startswith("lea"):
        return state.address(operands[0].memory)
    if stem in ("inc", "dec"):
        return state.read(target, fresh).plus(Sum(1 if stem == "inc" else -1))
    if stem in ("add", "su") and len(operands) == 2:
        return state.read(target, fresh).plus(state.read(operands[0], fresh),
                                              1 if stem == "add" else -1)
    if stem == "xor" and len(operands) == 2 and operands[0] == target:
        return Sum()
    if stem in ("sh", "sa") and mnemonic[:3] in ("shl", "sal"):
        amount = operands[0].immediate if len(operands) == 2 else 1
        if amount is not None:
            return state.read(target, fresh).times(1 << amount)
    if stem == "imu" and operands[0].immediate is not None:
        return state.read(operands[-2] if len(operands) == 3 else target,
                          fresh).times(operands[0].immediate)
    if stem == "neg":
        return state.read(target, fresh).times(-1)
    return fresh()


def step(instruction, state, fresh):
    """Makes of `state` what it is after an instruction."""
    mnemonic = instruction.mnemonic
    for name, registers in _SILENT.items():
        if mnemonic.startswith(name):
            for written in registers:
                state.values[written] = fresh()
    if mnemonic.startswith(_NO_RESULT) or not instruction.operands:
        return
    if mnemonic.startswith("pop"):
        state.values[instruction.target.register] = fresh()
    elif not instruction.is_vector or (instruction.target.register and
                                       not instruction.target.bits):
        state.write(instruction.target, fresh() if instruction.is_vector
                    else _evaluate(mnemonic, instruction.operands, state,
                                   fresh))


def _written(blocks, function):
    """Registers and slots that some blocks write."""
    state, counter = State(function), itertools.count()
    for block in blocks:
        for instruction in function.blocks[block].instructions:
            step(instruction, state, lambda: of(("inner", next(counter))))
    return state.values.keys()


def _merge(states, block):
    merged = State(states[0].function)
    for name in set().union(*(state.values for state in states)):
        values = {state.get(name) for state in states}
        merged.values[name] = (values.pop() if len(values) == 1
                               else of(("merged", block, str(name))))
    return merged


class Motion:
    """One iteration of a loop, symbolically."""

    def __init__(self, loop):
        self.addresses = {}  # id(instruction) -> Sum
        self._counter = itertools.count()
        self._after = {}
        inner = {child.header: child for child in loop.children}
        for block in loop.order:
            state = self._before(loop, block)
            if block in inner:
                for name in _written(inner[block].blocks, loop.function):
                    state.values[name] = self._fresh()
            for instruction in loop.function.blocks[block].instructions:
                if instruction.memory:
                    self.addresses[id(instruction)] = state.address(
                        instruction.memory.memory)
                step(instruction, state, self._fresh)
            self._after[block] = state
        self._end = _merge([self._after[b] for b in loop.latches], "end")

    def _fresh(self):
        return of(("unknown", next(self._counter)))

    def _before(self, loop, block):
        if block == loop.header:
            return State(loop.function)
        states = [self._after[b] for b in loop.order if b in self._after and
                  block in loop.function.blocks[b].next]
        return _merge(states, block)

    def _change(self, name):
        """By what an unknown grows per iteration; None if one cannot say."""
        if isinstance(name, tuple):
            return None
        end = self._end.get(name)
        return end.plus(of(name), -1) if (name, 1) in end.terms else None

    def advance(self, instruction):
        """Bytes by which the instruction's access moves per iteration, or
        None where that is not a constant."""
        result = Sum()
        for name, factor in self.addresses[id(instruction)].terms:
            change = self._change(name)
            if change is None:
                return None
            result = result.plus(change, factor)
        return None if result.terms else result.constant
