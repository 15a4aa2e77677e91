"""Says what kind of work each instruction is, and counts it."""

import re

# What is compared with the yardstick.
JUDGED = ("loads", "stores", "conversions", "arithmetic", "shuffles", "masked",
          "spills", "vector")
# Loads in the operand of another instruction are loads as well; `integer` is
# shifts, logic and sums of integers; `zeroings` make a register all zeros or
# ones of nothing; `moves` are from register to register.
FIELDS = ("loads", "stores", "nontemporal", "conversions", "fma", "mul", "add",
          "arithmetic", "shuffles", "integer", "broadcasts", "masked",
          "masked_accesses", "zeroings", "moves", "other", "spills",
          "prefetches", "scalar", "vector", "total")
# What a loop along a row never has, whatever the yardstick does.
NEVER = ("spills", "masked_accesses")

# The first that matches the mnemonic without its v.
_KINDS = [(kind, re.compile(pattern)) for kind, pattern in (
    ("conversions", r"cvt|pmov([sz]x|(us|s)?(qd|qw|qb|dw|db|wb))"),
    ("fma", r"fn?m(add|sub)|dpbf16ps"),
    ("mul", r"mul[ps]"),
    ("add", r"(add|sub|addsub)[ps]"),
    ("broadcasts", r"p?broadcast"),
    ("shuffles", r"p?perm|p?unpck|pack|pshuf|shuf|p?align|p?blend|p?insert|"
                 r"p?extract|pinsr|pextr|mov(hl|lh|shdup|sldup|ddup)|"
                 r"ps[lr]ldq|p?compress|p?expand|ph(add|sub)|hadd"),
    ("integer", r"p(s[lr]l|sra|and|or|xor|add|sub|ternlog|cmp|test|mull|mulh|"
                r"max|min|abs|ro[lr])|(and|andn|or|xor)[ps][sd]|ternlog"),
    ("moves", r"mov"))]


def is_zeroing(instruction):
    """Whether its result is the same whatever its registers hold."""
    *sources, target = instruction.operands
    return (re.match(r"vp?(xor|cmpeq)", instruction.mnemonic) is not None and
            len(sources) == 2 and sources[0].bits > 0 and
            sources[0] == sources[1] and not target.mask)


def kind(instruction):
    """Of a vector instruction."""
    if instruction.mnemonic[0] == "k":
        return "other"
    if is_zeroing(instruction):
        return "zeroings"
    stem = instruction.mnemonic[1:]
    return next((kind for kind, pattern in _KINDS if pattern.match(stem)),
                "other")


# Memory is narrower than the registers of these.
_NARROW = [(re.compile(pattern), divisor) for pattern, divisor in (
    (r"vcvtp[hs]2p[sh]|vcvtdq2pd|vcvtps2pd|vpmov[sz]x(bw|wd|dq)", 2),
    (r"vcvtneps2bf16|vpmov(us|s)?(wb|dw|qd)", 2),
    (r"vpmov[sz]x(bd|wq)|vpmov(us|s)?(db|qw)", 4),
    (r"vpmov[sz]xbq|vpmov(us|s)?qb", 8))]
_ELEMENT = {"ss": 4, "sd": 8, "sh": 2, "d": 4, "q": 8, "w": 2, "b": 1}


def access_bytes(instruction):
    """Of a vector instruction's operand in memory."""
    name = instruction.mnemonic
    widest = max((o.bits for o in instruction.operands), default=0) // 8
    part = re.match(r"v(?:insert|extract|broadcast)[fi](\d+)", name)
    if part:
        last = re.search(r"x(\d)$", name)
        return (int(last[1]) * int(part[1]) if last else int(part[1])) // 8
    single = re.fullmatch(
        r"v(?:pbroadcast|broadcast|pinsr|pextr|mov)(ss|sd|sh|d|q|w|b)|"
        r"v\w+(ss|sd|sh)|v(?:mov[lh]p|movddu)(?:s|d|p)", name)
    if single or instruction.memory.broadcast:
        return _ELEMENT.get(single and (single[1] or single[2]),
                            4 if instruction.memory.broadcast else 8)
    for pattern, divisor in _NARROW:
        if pattern.match(name):
            return widest // divisor
    return widest


def count(function, instructions):
    """The fields of a list of instructions."""
    result = dict.fromkeys(FIELDS, 0)
    for instruction in instructions:
        _count_one(function, instruction, result)
    result["arithmetic"] = result["fma"] + result["mul"] + result["add"]
    return result


def _count_one(function, instruction, result):
    name = instruction.mnemonic
    if name.startswith("nop") or name == "vzeroupper":
        return
    result["total"] += 1
    memory = instruction.memory
    if memory and function.is_slot(memory.memory):
        result["spills"] += 1
        memory = None
    if name.startswith("prefetch"):
        result["prefetches"] += 1
        return
    if not instruction.is_vector:
        result["scalar"] += 1
        return
    result["vector"] += 1
    if any(operand.mask for operand in instruction.operands):
        result["masked"] += 1
        result["masked_accesses"] += memory is not None
    if memory and instruction.writes_memory:
        result["stores"] += 1
        result["nontemporal"] += name.startswith("vmovnt")
    elif memory:
        result["loads"] += 1
    if memory and memory.broadcast:
        result["broadcasts"] += 1
    found = kind(instruction)
    # A move to or from memory is that access and nothing else.
    if found != "moves" or not instruction.memory:
        result[found] += 1
