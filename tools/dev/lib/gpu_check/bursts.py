"""How much of a row a thread asks for before it waits for some of it."""


class Bursts:
    """Fed with a kernel's instructions in order. A burst is what is loaded
    without a wait in between. A sweep over the row is as good as its largest
    one, for the rest of a row may be less; a kernel is as good as its worst
    sweep. Where the row is `held` there is one sweep, though a last piece of it
    may come behind the first shuffles; else shuffles end a sweep."""

    def __init__(self, held):
        self._held, self._sweeps, self._asked = held, [0], 0
        self._pending = set()

    def load(self, bytes_, registers):
        self._asked += bytes_
        self._pending.update(registers)

    def move(self, registers):
        """They hold what is still on its way."""
        self._pending.update(registers)

    def waits_for(self, registers):
        return not self._pending.isdisjoint(registers)

    def wait(self):
        self._sweeps[-1] = max(self._sweeps[-1], self._asked)
        self._asked, self._pending = 0, set()

    def store(self):
        """What it writes may be what a later load reads: that one stays
        behind it, and this one has something to wait for."""
        self.wait()

    def shuffle(self):
        if self._held:
            return
        self.wait()
        if self._sweeps[-1]:
            self._sweeps.append(0)

    def worst(self):
        self.wait()
        return min((each for each in self._sweeps if each), default=0)
