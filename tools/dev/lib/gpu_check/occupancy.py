"""How many blocks an SM holds."""

import dataclasses

from .devices import architecture

_WARP = 32

# cuda_occupancy.h, for compute capability 8.0 and later: registers are given to
# warps in pieces of 256, warps belong to one of four parts of the SM (and of
# its registers), shared memory comes in pieces of 128 bytes.
_REGISTER_PIECE, _PARTS, _SHARED_PIECE = 256, 4, 128

# CUDA C++ Programming Guide: from 8.0 on the system takes 1 KiB of each block.
_SYSTEM_SHARED_BYTES = 1024


@dataclasses.dataclass(frozen=True)
class Occupancy:
    blocks: int
    threads: int  # of all blocks of the SM
    limit: str    # what allows no more: threads, blocks, registers, shared
    share: float  # of the threads that the SM can have


def _round_up(value, piece):
    return -(-value // piece) * piece


def compute(target, threads, registers, shared_bytes):
    """For blocks of `threads` threads; `shared_bytes` static and dynamic."""
    limits = architecture(target)
    warps = -(-threads // _WARP)
    per_warp = _round_up(max(registers, 1) * _WARP, _REGISTER_PIECE)
    warps_by_registers = _PARTS * (limits.registers // _PARTS // per_warp)
    shared = _round_up(shared_bytes + _SYSTEM_SHARED_BYTES, _SHARED_PIECE)
    blocks = {
        "threads": limits.threads // _WARP // warps,
        "blocks": limits.blocks,
        "registers": warps_by_registers // warps,
        "shared": limits.shared_bytes // shared
        if shared_bytes <= limits.block_shared_bytes else 0,
    }
    limit = min(blocks, key=blocks.get)
    resident = blocks[limit] * warps * _WARP
    return Occupancy(blocks[limit], resident, limit, resident / limits.threads)
