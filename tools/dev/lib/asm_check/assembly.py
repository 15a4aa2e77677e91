"""Reads x86-64 assembly in AT&T syntax, as LLVM prints it, into functions."""

import dataclasses
import functools
import re

_NAMES = {"a": "rax", "b": "rbx", "c": "rcx", "d": "rdx", "si": "rsi",
          "di": "rdi", "bp": "rbp", "sp": "rsp"}


def register(name):
    """The whole register that a name is a part of: eax is in rax, ymm3 is a
    view of v3."""
    name = name.lstrip("%")
    match = re.fullmatch(r"[xyz]mm(\d+)", name)
    if match:
        return "v" + match[1]
    match = re.fullmatch(r"(r\d+)[dwb]?", name)
    if match:
        return match[1]
    match = re.fullmatch(r"[re]?(si|di|bp|sp)l?|[re]?([abcd])[xlh]", name)
    return _NAMES[match[1] or match[2]] if match else name


@dataclasses.dataclass(frozen=True)
class Memory:
    """disp(base, index, scale); registers are whole, or None."""
    displacement: int
    symbol: str
    base: str | None
    index: str | None
    scale: int


@dataclasses.dataclass(frozen=True)
class Operand:
    text: str
    register: str | None = None
    memory: Memory | None = None
    immediate: int | None = None
    mask: bool = False
    broadcast: bool = False

    @property
    def bits(self):
        """Of a vector register; 0 for all others."""
        return {"%x": 128, "%y": 256, "%z": 512}.get(
            self.text[:2], 0) if self.text[2:4] == "mm" else 0


@dataclasses.dataclass(frozen=True)
class Instruction:
    mnemonic: str
    operands: tuple
    text: str

    @property
    def target(self):
        """Where it writes: the last operand, in this syntax."""
        return self.operands[-1] if self.operands else None

    @property
    def memory(self):
        """The operand in memory, which `lea` and `nop` do not touch."""
        if self.mnemonic.startswith(("lea", "nop")):
            return None
        return next((o for o in self.operands if o.memory), None)

    @property
    def is_vector(self):
        return (self.mnemonic[0] == "v" and
                not self.mnemonic.startswith("vzero")) or (
            re.fullmatch(r"k[a-z]+[bwdq]", self.mnemonic) is not None)

    @property
    def is_jump(self):
        return self.mnemonic[0] == "j"

    @property
    def ends(self):
        """What follows is reached by its label alone."""
        return self.mnemonic in ("jmp", "jmpq", "ret", "retq", "ud2")

    @property
    def writes_memory(self):
        if self.memory is None or self.memory is not self.target:
            return False
        return not self.mnemonic.startswith(
            ("cmp", "test", "bt", "push", "prefetch", "vucomi", "vcomi",
             "vptest", "vtest", "call", "j", "mul", "div", "idiv"))

    @property
    def reads_memory(self):
        return self.memory is not None and not (
            self.writes_memory and (self.is_vector or
                                    self.mnemonic.startswith("mov")))


def _memory(text):
    match = re.fullmatch(r"(?:%\w\w:)?([^()]*)\(([^()]*)\)", text)
    if not match:
        return None
    displacement, symbol = 0, ""
    try:
        displacement = int(match[1] or "0", 0)
    except ValueError:
        symbol = match[1]
    parts = [part.strip() for part in match[2].split(",")] + ["", ""]
    return Memory(displacement, symbol, register(parts[0]) or None,
                  register(parts[1]) or None, int(parts[2] or 1))


@functools.lru_cache(maxsize=None)
def _operand(text):
    mask = bool(re.search(r"\{%k\d\}", text))
    broadcast = "{1to" in text
    text = re.sub(r"\{.*?\}", "", text).strip()
    register_name = memory = immediate = None
    if re.fullmatch(r"\*?%\w+(\(\d\))?", text):
        register_name = register(text.lstrip("*"))
    elif text.startswith("$"):
        try:
            immediate = int(text[1:], 0)
        except ValueError:
            pass
    else:
        memory = _memory(text)
    return Operand(text, register_name, memory, immediate, mask, broadcast)


def _split(text):
    """At the commas outside of parentheses."""
    return [part.strip() for part in re.split(r",(?![^(]*\))", text) if part]


def parse_instruction(text):
    """None for what is no instruction: directives, lines of comment alone."""
    text = re.sub(r"\s*#.*", "", text).strip()
    if not text or text.startswith("."):
        return None
    text = re.sub(r"^(rep|repz|lock|notrack|\{\w+\})\s+", "", text)
    words = text.split(None, 1)
    operands = tuple(map(_operand, _split(words[1]))) if words[1:] else ()
    return Instruction(words[0], operands, " ".join(text.split()))


@dataclasses.dataclass
class Block:
    """Instructions that run one after the other; `next` are the blocks that
    may follow, by their numbers."""
    label: str | None
    instructions: list
    next: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Function:
    name: str
    blocks: list

    def __post_init__(self):
        texts = {i.text for block in self.blocks for i in block.instructions}
        self.frame = {"rsp"}
        if "movq %rsp, %rbp" in texts:
            self.frame.add("rbp")

    def is_slot(self, memory):
        """Whether it is a fixed place of the stack frame."""
        return (memory is not None and memory.base in self.frame and
                memory.index is None)


def _make_function(name, lines):
    blocks, fresh = [Block(name, [])], True
    for line in lines:
        label = re.match(r"([^\s#:]+):", line)
        if label:
            blocks.append(Block(label[1], []))
            fresh = True
            continue
        instruction = parse_instruction(line)
        if not instruction:
            continue
        if not fresh:
            blocks.append(Block(None, []))
        blocks[-1].instructions.append(instruction)
        fresh = not (instruction.is_jump or instruction.ends)
    numbers = {block.label: i for i, block in enumerate(blocks) if block.label}
    for i, block in enumerate(blocks):
        last = block.instructions[-1] if block.instructions else None
        if last and last.is_jump and last.operands:
            target = numbers.get(last.operands[-1].text)
            if target is not None:
                block.next.append(target)
        if not (last and last.ends) and i + 1 < len(blocks):
            block.next.append(i + 1)
    return Function(name, blocks)


def parse(text):
    """The functions of an assembly file, by name, in their order."""
    functions, names, name, lines = {}, set(), None, []
    for line in text.splitlines():
        typed = re.match(r"\s*\.type\s+([^,\s]+),\s*@function", line)
        label = re.match(r"([^\s#:]+):", line)
        if typed:
            names.add(typed[1])
        elif label and label[1] in names:
            name, lines = label[1], []
        elif name and (re.match(r"\s*\.size\s", line) or
                       line.startswith(".Lfunc_end")):
            functions[name] = _make_function(name, lines)
            name = None
        elif name:
            lines.append(line)
    return functions
