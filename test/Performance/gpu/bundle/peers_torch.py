"""PyTorch's norms, eager and compiled, and how all of Python's are timed."""

import collections
import time

import torch
import torch.nn.functional as functional

try:
    import triton
    import peers_triton
    NO_TRITON = None
except ImportError as error:
    NO_TRITON = f"Triton is not there: {error}"

EPSILON = 1e-6
SAMPLES, QUICK_SAMPLES = 25, 5
# Seconds, in which the clock rises.
WARM_UP, QUICK_WARM_UP = 0.3, 0.0
# As in the runner.
LAUNCHES, MOST_SETS = 20, 20000
TYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
# Of what a library may be wrong before its time counts for nothing.
TOLERANCES = {"f32": 2e-5, "f16": 4e-3, "bf16": 3e-2}


def versions():
    found = {"torch": torch.__version__}
    if not NO_TRITON:
        found["triton"] = triton.__version__
    return found


def missing():
    return [{"library": "triton", "reason": NO_TRITON}] if NO_TRITON else []


class Operands:
    """As many calls' operands as exceed `cold_bytes`; those of call i are its
    arguments."""

    def __init__(self, kernel, rows, n, cold_bytes, device="cuda"):
        self.kernel, self.rows, self.n = kernel, rows, n
        x = TYPES[kernel["x"]]
        weight = TYPES[kernel["weight"]] if kernel["weight"] else None
        matrices = 4 if kernel["residual"] else 2
        self.bytes = matrices * rows * self.n * x.itemsize
        if weight:
            vectors = 2 if kernel["bias"] else 1
            self.bytes += vectors * self.n * weight.itemsize
        self.sets = min(int(cold_bytes // self.bytes) + 2, MOST_SETS)

        def make(dtype, *shape):
            return torch.randn(self.sets, *shape, device=device, dtype=dtype)

        self.x = make(x, rows, self.n)
        self.residual = make(x, rows, self.n) if kernel["residual"] else None
        self.weight = make(weight, self.n) if weight else None
        self.bias = make(weight, self.n) if kernel["bias"] else None

    def of(self, i):
        i %= self.sets
        return [operand[i] if operand is not None else None
                for operand in (self.x, self.residual, self.weight, self.bias)]


def norm_of(kernel, n):
    """The norm as PyTorch writes it: y, and the sum where there is one."""
    size = [n]
    # It does not mix types by itself.
    mixed = kernel["weight"] not in (None, kernel["x"])

    def norm(x, residual, weight, bias):
        h = x if residual is None else x + residual
        wide = h.float() if mixed else h
        if kernel["op"] == "layernorm":
            y = functional.layer_norm(wide, size, weight, bias, EPSILON)
        else:
            y = functional.rms_norm(wide, size, weight, EPSILON)
        return (y.to(x.dtype), h) if residual is not None else y.to(x.dtype)

    return norm


def expected(kernel, operands):
    """y of call 0 in f64, of some rows."""
    x, residual, weight, bias = operands.of(0)
    h = x[:64]
    if residual is not None:
        h = h + residual[:64]
    arguments = [operand.double() if operand is not None else None
                 for operand in (h, weight, bias)]
    if kernel["op"] == "layernorm":
        return functional.layer_norm(arguments[0], [operands.n],
                                     arguments[1], arguments[2], EPSILON)
    return functional.rms_norm(arguments[0], [operands.n], arguments[1],
                               EPSILON)


def is_right(kernel, operands, result):
    y = result[0] if isinstance(result, tuple) else result
    bound = TOLERANCES[kernel["x"]]
    return torch.allclose(y[:64].double(), expected(kernel, operands),
                          rtol=bound, atol=bound)


class Graph:
    """Launches of call(i) in one CUDA graph."""

    def __init__(self, call, sets):
        self.launches = max(sets, LAUNCHES)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for i in range(3):  # compiles, and loads what is loaded lazily
                call(i)
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        # Results of a round have memory of their own, as operands do.
        kept = collections.deque(maxlen=sets)
        with torch.cuda.graph(self.graph, stream=stream):
            for i in range(self.launches):
                kept.append(call(i))
        self.samples = []

    def sample(self):
        """Nanoseconds of one launch."""
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record()
        self.graph.replay()
        last.record()
        last.synchronize()
        return first.elapsed_time(last) * 1e6 / self.launches

    def entry(self):
        times = sorted(self.samples)
        count = len(times)
        return {"samples": count, "ns": {
            "median": times[count // 2], "low": times[count // 10],
            "high": times[count * 9 // 10]}}


def quick_time(call, sets):
    """For choosing among configurations."""
    graph = Graph(call, sets)
    return sorted(graph.sample() for _ in range(4))[1]


def make_calls(kernel, operands):
    """Per library a function that makes call(i)."""
    norm = norm_of(kernel, operands.n)

    def eager():
        return lambda i: norm(*operands.of(i))

    def compiled():
        torch._dynamo.reset()
        made = torch.compile(norm, mode="max-autotune-no-cudagraphs",
                             dynamic=False, fullgraph=True)
        return lambda i: made(*operands.of(i))

    def copy():
        # Half of the bytes are read, half are written.
        half = operands.bytes // 2
        there = torch.empty(operands.sets, half, device="cuda",
                            dtype=torch.uint8)
        source = torch.ones_like(there)

        def call(i):
            there[i % operands.sets].copy_(source[i % operands.sets])
        return call

    calls = {"torch eager": eager, "torch.compile": compiled,
             "torch copy": copy}
    if not NO_TRITON:
        calls["triton"] = lambda: peers_triton.tuned(kernel, operands,
                                                     quick_time)
    return calls


def prepare(name, make, kernel, operands):
    """The graph of one library, or why there is none."""
    try:
        call = make()
        if name != "torch copy" and not is_right(kernel, operands, call(0)):
            return "wrong numbers"
        return Graph(call, operands.sets)
    except Exception as error:  # a library may fail in any way of its own
        torch.cuda.synchronize()
        said = " ".join(str(error).split())[:300]
        return f"{type(error).__name__}: {said}"


def take_samples(graphs, quick):
    """Of all graphs in turn."""
    end = time.monotonic() + (QUICK_WARM_UP if quick else WARM_UP)
    while True:
        for graph in graphs:
            graph.sample()
        if time.monotonic() >= end:
            break
    for _ in range(QUICK_SAMPLES if quick else SAMPLES):
        for graph in graphs:
            graph.samples.append(graph.sample())


def measure_case(kernel, rows, n, cold_bytes, quick):
    """An entry of the results per library."""
    try:
        operands = Operands(kernel, rows, n, cold_bytes)
    except torch.cuda.OutOfMemoryError:
        torch.cuda.empty_cache()
        return [{"library": "PyTorch", "missing": "out of the GPU's memory"}]
    with torch.no_grad():
        graphs = {name: prepare(name, make, kernel, operands)
                  for name, make in make_calls(kernel, operands).items()}
        take_samples([graph for graph in graphs.values()
                      if isinstance(graph, Graph)], quick)
    entries = []
    for name, graph in graphs.items():
        entry = {"library": name, "bytes": operands.bytes}
        if isinstance(graph, Graph):
            entry.update(graph.entry())
            entry["gb_per_s"] = operands.bytes / entry["ns"]["median"]
        else:
            entry["missing"] = graph
        entries.append(entry)
    del graphs, operands
    torch.cuda.empty_cache()
    return entries
