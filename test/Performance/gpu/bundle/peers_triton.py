"""A norm in Triton: a row, or several short ones, per program, in registers;
rows that do not fit are read twice. The fastest of some configurations is
taken."""

import torch
import triton
import triton.language as tl

EPSILON = 1e-6
# Elements that a program of 32 warps holds without spills.
MOST_HELD = 65536


@triton.jit
def norm_short(x, residual, weight, bias, y, h_out, rows, epsilon,
               n: tl.constexpr, block: tl.constexpr, group: tl.constexpr,
               masked: tl.constexpr, layernorm: tl.constexpr,
               has_residual: tl.constexpr, has_weight: tl.constexpr,
               has_bias: tl.constexpr):
    row = tl.program_id(0) * group + tl.arange(0, group)
    column = tl.arange(0, block)
    offset = row[:, None].to(tl.int64) * n + column[None, :]
    inside = (row < rows)[:, None] & (column < n)[None, :]
    if masked:
        h = tl.load(x + offset, inside, other=0).to(tl.float32)
    else:
        h = tl.load(x + offset).to(tl.float32)
    if has_residual:
        if masked:
            r = tl.load(residual + offset, inside, other=0).to(tl.float32)
        else:
            r = tl.load(residual + offset).to(tl.float32)
        rounded = (h + r).to(h_out.dtype.element_ty)
        if masked:
            tl.store(h_out + offset, rounded, inside)
        else:
            tl.store(h_out + offset, rounded)
        h = rounded.to(tl.float32)
    if layernorm:
        mean = tl.sum(h, 1) / n
        h = h - mean[:, None]
        if masked:
            h = tl.where(inside, h, 0)
    scale = 1 / tl.sqrt(tl.sum(h * h, 1) / n + epsilon)
    result = h * scale[:, None]
    if has_weight:
        w = tl.load(weight + column, column < n, other=0).to(tl.float32)
        result = result * w[None, :]
    if has_bias:
        b = tl.load(bias + column, column < n, other=0).to(tl.float32)
        result = result + b[None, :]
    result = result.to(y.dtype.element_ty)
    if masked:
        tl.store(y + offset, result, inside)
    else:
        tl.store(y + offset, result)


@triton.jit
def norm_long(x, residual, weight, bias, y, h_out, rows, epsilon,
              n: tl.constexpr, block: tl.constexpr, layernorm: tl.constexpr,
              has_residual: tl.constexpr, has_weight: tl.constexpr,
              has_bias: tl.constexpr):
    first = tl.program_id(0).to(tl.int64) * n
    column = tl.arange(0, block)
    total = tl.zeros([block], tl.float32)
    squares = tl.zeros([block], tl.float32)
    for start in range(0, n, block):
        inside = start + column < n
        place = first + start + column
        h = tl.load(x + place, inside, other=0).to(tl.float32)
        if has_residual:
            r = tl.load(residual + place, inside, other=0).to(tl.float32)
            rounded = (h + r).to(h_out.dtype.element_ty)
            tl.store(h_out + place, rounded, inside)
            h = rounded.to(tl.float32)
        total += h
        squares += h * h
    source = h_out if has_residual else x
    mean = 0.0
    if layernorm:
        mean = tl.sum(total) / n
        squares = tl.zeros([block], tl.float32)
        for start in range(0, n, block):
            inside = start + column < n
            h = tl.load(source + first + start + column, inside,
                        other=0).to(tl.float32)
            h = tl.where(inside, h - mean, 0)
            squares += h * h
    scale = 1 / tl.sqrt(tl.sum(squares) / n + epsilon)
    for start in range(0, n, block):
        inside = start + column < n
        place = first + start + column
        h = tl.load(source + place, inside, other=0).to(tl.float32)
        result = (h - mean) * scale
        if has_weight:
            w = tl.load(weight + start + column, inside, other=0)
            result = result * w.to(tl.float32)
        if has_bias:
            b = tl.load(bias + start + column, inside, other=0)
            result = result + b.to(tl.float32)
        tl.store(y + place, result.to(y.dtype.element_ty), inside)


def configurations(n):
    """Pairs of rows per program and warps, 0 rows for norm_long. A thread has 8
    to 32 elements, of one row up to 64."""
    block = triton.next_power_of_2(n)
    made = []
    if block <= MOST_HELD:
        made = [(group, warps) for group in (1, 4, 16, 32)
                if group == 1 or group * block <= 4096
                for warps in (1, 2, 4, 8, 16, 32)
                if 8 <= group * block / (32 * warps)
                <= (64 if group == 1 else 32)]
    if block > MOST_HELD // 2:
        made += [(0, warps) for warps in (8, 16, 32)]
    return made or [(1, 1)]


class Call:
    """One configuration on the operands."""

    def __init__(self, kernel, operands, results, group, warps):
        self.kernel, self.operands = kernel, operands
        self.y, self.h_out = results
        self.group, self.warps = group, warps

    def __call__(self, i):
        kernel, operands = self.kernel, self.operands
        x, residual, weight, bias = operands.of(i)
        i %= operands.sets
        y = self.y[i]
        h_out = None if self.h_out is None else self.h_out[i]
        n, rows = operands.n, operands.rows
        # Absent operands are never read.
        pointers = [x if operand is None else operand
                    for operand in (x, residual, weight, bias, y, h_out)]
        forms = {"layernorm": kernel["op"] == "layernorm",
                 "has_residual": residual is not None,
                 "has_weight": weight is not None,
                 "has_bias": bias is not None}
        if self.group:
            block = triton.next_power_of_2(n)
            norm_short[triton.cdiv(rows, self.group),](
                *pointers, rows, EPSILON, n=n, block=block, group=self.group,
                masked=block != n or rows % self.group != 0,
                num_warps=self.warps, **forms)
        else:
            norm_long[rows,](*pointers, rows, EPSILON, n=n,
                             block=self.warps * 32 * 16, num_warps=self.warps,
                             **forms)
        return y if h_out is None else (y, h_out)


def tuned(kernel, operands, time):
    """The fastest call, by time(call, sets)."""
    results = [None if operand is None else torch.empty_like(operand)
               for operand in (operands.x, operands.residual)]
    calls = [Call(kernel, operands, results, *configuration)
             for configuration in configurations(operands.n)]
    if len(calls) == 1:
        return calls[0]
    return min(calls, key=lambda call: time(call, operands.sets))
