"""Tables of kernels."""

from . import bounds
from .kernels import by_form

_COLUMNS = ("kernel", "target", "schedule", "registers", "blocks per SM",
            "occupancy", "KiB in flight", "loaded / least", "stored / least",
            "barriers", "shuffles", "instructions", "")
_NUMBERS = range(3, len(_COLUMNS) - 1)


def number(value):
    return f"{value:.2f}".rstrip("0").rstrip(".")


def kib(value):
    return "" if value is None else number(value / 1024)


def schedule(each):
    """Threads per row, rows per block, blocks per row, what is not usual."""
    manifest = each.manifest
    words = f"{manifest['threads_per_row']} threads"
    if manifest["rows_per_block"] > 1:
        words += f", {manifest['rows_per_block']} rows"
    if manifest["cluster"] > 1:
        words += f", {manifest['cluster']} blocks"
    return words if each.holds_row else words + ", row read again"


def _share(value, least):
    return number(value / least)


def _in_flight(each):
    found = each.explained
    if found.code_in_flight is None:
        return kib(found.in_flight)
    return f"{kib(found.in_flight)} ({kib(found.code_in_flight)})"


def verdict(excesses):
    words = []
    for each in excesses:
        found = f"{each.field} {number(each.value)}, bound {number(each.limit)}"
        words.append(f"{found}: {each.reason}" if each.reason
                     else f"**{found}**")
    return "; ".join(words)


def _cells(each, excesses):
    known = each.occupancy
    loaded = each.counts["loaded_bytes"] / each.rows
    stored = each.counts["stored_bytes"] / each.rows
    return (each.kernel.form.name, each.kernel.target, schedule(each),
            str(each.resources.registers) if known else "",
            f"{known.blocks} ({known.limit})" if known else "",
            f"{known.share:.0%}" if known else "", _in_flight(each),
            _share(loaded, bounds.loaded_per_row(each) +
                   bounds.shared_bytes(each)),
            _share(stored, bounds.stored_per_row(each)),
            str(each.counts["barriers"] + each.counts["cluster_barriers"]),
            str(each.explained.ptx["shuffles"]),
            str(each.counts["most_instructions"]), verdict(excesses))


def _predictions(each, device, rows):
    cells = []
    for count in rows:
        us = each.explained.predict_us(device, count)
        moved = count * (bounds.loaded_per_row(each) +
                         bounds.stored_per_row(each))
        cells.append("" if us is None else
                     f"{us:.1f} µs, {moved / us / 1000:.0f} GB/s")
    return tuple(cells)


def table(judged, device=None, rows=()):
    """Markdown, of pairs of a Measurement and its excesses. With a device what
    each kernel should take there for so many rows."""
    columns = _COLUMNS[:-1] + tuple(f"{count} rows" for count in
                                    (rows if device else ())) + ("",)
    lines = [f"| {' | '.join(columns)} |",
             "|" + "".join("---:|" if place in _NUMBERS else "---|"
                           for place in range(len(columns)))]
    for each, excesses in judged:
        cells = _cells(each, excesses)
        if device:
            cells = (cells[:-1] + _predictions(each, device, rows) +
                     cells[-1:])
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def model(device):
    """What the predictions are made of."""
    source = "measured" if device.is_measured else "a share of the published"
    return (f"On the {device.full_name}, {device.sms} SMs: by the model of "
            f"normc explain, with {device.gb_per_s:g} GB/s ({source}); not a "
            "measurement.")


def code_table(measurements):
    """Global accesses in machine code, by width."""
    codes = [(each.kernel.name, each.explained.code) for each in measurements
             if each.explained.code]
    widths = sorted({(access["is_load"], access["bytes"]) for _, code in codes
                     for access in code["accesses"]}, reverse=True)
    names = [f"{'loads' if load else 'stores'} of {bytes_}"
             for load, bytes_ in widths]
    lines = [f"| kernel | {' | '.join(names)} | instructions |",
             "|---|" + "---:|" * (len(names) + 1)]
    for name, code in codes:
        counts = {(access["is_load"], access["bytes"]): access["count"]
                  for access in code["accesses"]}
        cells = [str(counts.get(key, 0)) for key in widths]
        lines.append(f"| {name} | {' | '.join(cells)} | "
                     f"{code['instructions']} |")
    return "\n".join(lines)


def summary(judged):
    kernels = [each.kernel for each, _ in judged]
    over = [excesses for _, excesses in judged if excesses]
    unexplained = sum(any(e.reason is None for e in each) for each in over)
    return (f"{len(kernels)} kernels of {len(by_form(kernels))} forms, "
            f"{len(over) - unexplained} over a bound with a reason, "
            f"{unexplained} without")
