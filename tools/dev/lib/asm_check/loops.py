"""Finds the natural loops of a function, and which of them is in which."""

import dataclasses


@dataclasses.dataclass(eq=False)
class Loop:
    """Blocks are numbers; `order` lists them as they run, header first."""
    function: object
    header: int
    blocks: set
    latches: list
    order: list = dataclasses.field(default_factory=list)
    parent: object = None
    children: list = dataclasses.field(default_factory=list)

    @property
    def is_innermost(self):
        return not self.children

    @property
    def depth(self):
        return 1 + (self.parent.depth if self.parent else 0)

    def instructions(self, own=True):
        """In running order; `own`: without those of the loops in it."""
        inside = set().union(*(c.blocks for c in self.children)) if own else ()
        return [instruction for block in self.order if block not in inside
                for instruction in self.function.blocks[block].instructions]


def _reverse_postorder(blocks):
    order, state, stack = [], {0}, [(0, iter(blocks[0].next))]
    while stack:
        block, successors = stack[-1]
        for successor in successors:
            if successor not in state:
                state.add(successor)
                stack.append((successor, iter(blocks[successor].next)))
                break
        else:
            order.append(block)
            stack.pop()
    return order[::-1]


def _dominators(blocks, order):
    """The sets of blocks on every way to a block."""
    before = {block: [] for block in order}
    for block in order:
        for successor in blocks[block].next:
            before[successor].append(block)
    result = {block: set(order) for block in order}
    result[0] = {0}
    changed = True
    while changed:
        changed = False
        for block in order[1:]:
            new = set.intersection(*(result[b] for b in before[block]))
            new = new | {block}
            if new != result[block]:
                result[block], changed = new, True
    return result, before


def find_loops(function):
    """All loops, outer ones before the ones in them."""
    blocks = function.blocks
    order = _reverse_postorder(blocks)
    dominators, before = _dominators(blocks, order)
    latches = {}
    for block in order:
        for successor in blocks[block].next:
            if successor in dominators[block]:
                latches.setdefault(successor, []).append(block)
    loops = []
    for header, ends in latches.items():
        body, work = {header}, list(ends)
        while work:
            block = work.pop()
            if block not in body:
                body.add(block)
                work += before[block]
        loops.append(Loop(function, header, body, ends,
                          [block for block in order if block in body]))
    loops.sort(key=lambda loop: (-len(loop.blocks), order.index(loop.header)))
    for i, loop in enumerate(loops):
        outer = [l for l in loops[:i] if loop.blocks < l.blocks]
        if outer:
            loop.parent = min(outer, key=lambda l: len(l.blocks))
            loop.parent.children.append(loop)
    return sorted(loops, key=lambda loop: (order.index(loop.header),
                                           -len(loop.blocks)))
