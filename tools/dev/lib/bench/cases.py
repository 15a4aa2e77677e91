"""Which cases there are. A case is a problem, a shape and where its operands
are; its name says all of it: layernorm/bf16-f32/16x4096/residual/t2/cold. The
op "fused" is the kernel of fused.mlir: residual, RMSNorm, gate, int8.
"""

import itertools
import pathlib
import re
import typing

FUSED_FILE = (pathlib.Path(__file__).resolve().parents[4] / "test"
              / "Integration" / "CPU" / "Inputs" / "fused.mlir")

BYTES = {"f32": 4, "bf16": 2, "f16": 2}
OPS = ["rmsnorm", "layernorm"]
TYPES = [("f32", "f32"), ("bf16", "bf16"), ("f16", "f16"), ("bf16", "f32")]
ALIKE = TYPES[:3]
FUSED = "fused"

# What models have and what the published measurements were made on: the tables
# of hand.json have these shapes.
NOTED_SHAPES = [
    (1, 16), (1, 128), (1, 2048), (1, 4096), (32, 128), (16, 4096),
    (512, 4096), (4096, 128), (4096, 4096), (8192, 8192), (2048, 4097),
    (32768, 64)]
GRID_ROWS = [1, 7, 64, 1024]
GRID_N = [64, 96, 128, 256, 576, 769, 1536, 2560, 3584, 5120, 7168, 8192,
          14336, 16384, 65536]
LISTED_SHAPES = NOTED_SHAPES + list(itertools.product(GRID_ROWS, GRID_N))

# Shapes that depend on the last-level cache, to be past it on any machine.
MEMORY_N = [1024, 4096, 4097, 8192]

# What the plots go over.
PLOT_ROWS = [1, 16, 512, 4096]
PLOT_N = [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]

# In the L2, past it, and past most last-level caches.
FUSED_SHAPES = [(16, 4096), (512, 4096), (4096, 4096)]

# Where a second thread does not pay.
SMALL_SHAPES = [(2, 64), (7, 128), (32, 128), (2, 4096), (7, 1536), (16, 4096)]


class Case(typing.NamedTuple):
    op: str
    x: str
    weight: str
    rows: int
    n: int
    residual: bool = False
    threads: int = 1
    cold: bool = False
    misaligned: bool = False

    @property
    def types(self):
        return self.x if self.x == self.weight else f"{self.x}-{self.weight}"

    @property
    def shape(self):
        return f"{self.rows}x{self.n}"

    @property
    def name(self):
        return "/".join([self.op, self.types, self.shape]
                        + self.residual * ["residual"]
                        + (self.threads > 1) * [f"t{self.threads}"]
                        + self.cold * ["cold"]
                        + self.misaligned * ["misaligned"])

    @staticmethod
    def parse(name):
        """The case of a name; ValueError if it is none."""
        match = re.fullmatch(
            r"(rmsnorm|layernorm|fused)/(f32|bf16|f16)(?:-(f32|bf16|f16))?/"
            r"(\d+)x(\d+)(/residual)?(?:/t(\d+))?(/cold)?(/misaligned)?", name)
        if not match:
            raise ValueError(f"no case has the name {name}")
        op, x, weight, rows, n, residual, threads, cold, misaligned = \
            match.groups()
        return Case(op, x, weight or x, int(rows), int(n), bool(residual),
                    int(threads or 1), bool(cold), bool(misaligned))

    @property
    def row_bytes(self):
        """Bytes of all rows that a call reads and writes; of the fused kernel
        x, residual, gate and the sum, and int8."""
        if self.op == FUSED:
            return self.rows * self.n * (4 * BYTES[self.x] + 1)
        return (self.rows * self.n * BYTES[self.x]
                * (4 if self.residual else 2))

    @property
    def bytes(self):
        """The same and the parameters, once."""
        parameters = 2 if self.op == "layernorm" else 1
        return self.row_bytes + self.n * BYTES[self.weight] * parameters

    @property
    def memory(self):
        """Bytes that measuring takes: with a residual also the sums of the
        rivals, for a misaligned case its twin, for the fused kernel what its
        steps write, and results to compare with."""
        if self.op == FUSED:
            return self.bytes * 2
        return self.bytes * 3 // 2 * (2 if self.misaligned else 1)

    @property
    def is_plain(self):
        """In the caches where it fits, aligned."""
        return not (self.cold or self.misaligned)

    @property
    def is_listed(self):
        return (self.rows, self.n) in LISTED_SHAPES

    def request(self, level, **more):
        """A line for norm-bench-cpu."""
        if self.op == FUSED:
            return dict(more, file=str(FUSED_FILE), rows=self.rows, n=self.n,
                        target=level)
        return dict(self._asdict(), target=level, **more)


class Machine(typing.NamedTuple):
    """What decides on the cases of a machine."""
    l2: int       # bytes, of one core
    llc: int      # bytes, as the runtime sees it
    memory: int   # bytes that may be used
    cpus: int


def memory_rows(n, x, llc):
    """Rows of which x and y are twice the last-level cache."""
    return -(-2 * llc // (2 * n * BYTES[x]))


def listed(machine):
    """Ops, types and residual over the listed shapes and those past the cache;
    with two threads beyond the L2."""
    for (x, weight), op, residual in itertools.product(TYPES, OPS,
                                                       [False, True]):
        shapes = LISTED_SHAPES + [
            (memory_rows(n, x, machine.llc), n) for n in MEMORY_N]
        for rows, n in shapes:
            case = Case(op, x, weight, rows, n, residual)
            yield case
            if case.bytes > machine.l2 and rows > 1:
                yield case._replace(threads=2)


def others(machine):
    """Sweeps for the plots and over the switch between the instances, small
    calls with two threads, cold and misaligned ones, and the fused kernel."""
    for shape in FUSED_SHAPES:
        yield Case(FUSED, "f32", "f32", *shape)
    for x, weight in ALIKE:
        rmsnorm = Case("rmsnorm", x, weight, 1, 1)
        for rows, n in itertools.product(PLOT_ROWS, PLOT_N):
            yield rmsnorm._replace(rows=rows, n=n)
        for shape in NOTED_SHAPES:
            case = rmsnorm._replace(rows=shape[0], n=shape[1])
            if case.bytes <= machine.llc:
                yield case._replace(cold=True)
                for op in OPS:
                    yield case._replace(op=op, misaligned=True)
        for rows, n in SMALL_SHAPES:
            yield rmsnorm._replace(rows=rows, n=n, threads=2)
        yield from switch_cases(x, machine.llc)


def switch_cases(x, llc):
    """Calls of one row length, smaller and larger than where the streaming
    instance takes over (1.5 times the last-level cache)."""
    n = 4096
    for share in (0.5, 0.75, 1, 1.25, 1.45, 1.55, 2, 3):
        yield Case("rmsnorm", x, x, int(share * llc / (2 * n * BYTES[x])), n)


def all_cases(machine):
    """All that the machine can measure, each once, in the order of the
    list."""
    cases = dict.fromkeys(itertools.chain(listed(machine), others(machine)))
    return [case for case in cases
            if case.memory <= machine.memory and case.threads <= machine.cpus]


QUICK_SHAPES = [(1, 128), (1, 4096), (32, 128), (16, 4096), (512, 4096),
                (4096, 128), (64, 769), (1024, 256), (64, 7168), (7, 14336),
                (32768, 64)]
QUICK_MEMORY_N = [1024, 4097, 8192]
FEW_SHAPES = [(1, 4096), (64, 769), (512, 4096)]


def quick_cases(machine):
    """Some 70 that show each kind once."""
    wanted = []
    for x, weight in TYPES:
        rows = [(memory_rows(n, x, machine.llc), n) for n in QUICK_MEMORY_N]
        shapes = QUICK_SHAPES + rows if x == weight else FEW_SHAPES
        wanted += [Case("rmsnorm", x, weight, *shape) for shape in shapes]
        for shape in FEW_SHAPES if x == weight else []:
            wanted.append(Case("layernorm", x, weight, *shape))
            wanted.append(Case("rmsnorm", x, weight, *shape, residual=True))
        if x == weight != "f16":
            few = Case("rmsnorm", x, weight, 16, 4096)
            wanted += [few._replace(misaligned=True),
                       few._replace(rows=512, threads=2),
                       few._replace(rows=7, n=128, threads=2),
                       Case("rmsnorm", x, weight, *rows[0], residual=True)]
    wanted += [Case(FUSED, "f32", "f32", *shape) for shape in FUSED_SHAPES]
    possible = set(all_cases(machine))
    return [case for case in wanted if case in possible]
