"""The kernel in Python, compiled by numba: the reference for the stream.

Every function here has its twin in ``kernel.c``, and both read and write the same stream. Arithmetic is on 64-bit
integers, masked to the width of an element. All of it is in one file, since numba keeps what it has compiled until that
function's own file changes: it would not notice a change of what the function calls in another one.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

from tukar.codecs.context.layout import LEVELS, MAX_SHIFT, NO_ESCAPE, PROB, PROB_BITS, ROW, Array

LOW: Final = 1 << 16
MALFORMED: Final = -1
_CHUNK: Final = 4096
_STEP: Final = 64
_MAX_OCCUPIED: Final = 512
_MAX_STEP: Final = 80
_ONE: Final = np.uint64(1)

_compiled: Any = njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")


# ---- Elements ----


@_compiled
def _bit_length(v: int) -> int:
    n = 0
    while v:
        n += 1
        v >>= 1
    return n


@_compiled
def _class_of(u: int, width: int, is_float: bool, shift: int) -> int:
    top = 1 << (width - 1)
    if is_float:
        return (u & (top - 1)) >> shift
    return _bit_length(~u & (top - 1) if u & top else u)


@_compiled
def _ordered(u: int, width: int, is_float: bool) -> int:
    """Floats as integers in the floats' order, across binades and across zero."""
    if not is_float:
        return u
    top = 1 << (width - 1)
    return u ^ (2 * top - 1) if u & top else u ^ top


@_compiled
def _token(base: int, value: int, width: int, is_float: bool, is_delta: bool) -> int:
    mask = (1 << width) - 1
    if not is_delta:
        return ((value << 1) | (value >> (width - 1))) & mask if is_float else value
    d = (_ordered(value, width, is_float) - _ordered(base, width, is_float)) & mask
    return ((d << 1) ^ -(d >> (width - 1))) & mask


@_compiled
def _copy(source: Array, count: int, target: Array) -> None:
    for k in range(count):
        target[k] = source[k]


@_compiled
def _load(data: Array, start: int, count: int, width: int, out: Array) -> None:
    """Elements of their width, from the given one, as what the rest here takes."""
    part = data[start * width // 8 : (start + count) * width // 8]
    if width == 8:
        _copy(part, count, out)
    elif width == 16:
        _copy(part.view(np.uint16), count, out)
    else:
        _copy(part.view(np.uint32), count, out)


@_compiled
def _store(elements: Array, start: int, count: int, width: int, data: Array) -> None:
    """The reverse of ``_load``."""
    part = data[start * width // 8 : (start + count) * width // 8]
    if width == 8:
        _copy(elements, count, part)
    elif width == 16:
        _copy(elements, count, part.view(np.uint16))
    else:
        _copy(elements, count, part.view(np.uint32))


@_compiled
def _values(base: Array, token: Array, count: int, width: int, is_float: bool, is_delta: bool, out: Array) -> None:
    """Elements from their tokens, without a branch for each: so that it can be done for several at once."""
    sign, mask = np.uint64(width - 1), np.uint64((1 << width) - 1)
    top, zero = _ONE << sign, np.uint64(0)
    if not is_delta:
        for k in range(count):
            v = token[k] & mask
            out[k] = ((v >> _ONE) | (v << sign)) & mask if is_float else v
    elif not is_float:
        for k in range(count):
            v = token[k] & mask
            out[k] = (base[k] + ((v >> _ONE) ^ (zero - (v & _ONE)))) & mask
    else:
        for k in range(count):
            v, u = token[k] & mask, np.uint64(base[k])
            m = ((u ^ ((zero - (u >> sign)) | top)) + ((v >> _ONE) ^ (zero - (v & _ONE)))) & mask
            out[k] = (m ^ (((m >> sign) - _ONE) | top)) & mask


# ---- Cells ----


@_compiled
def _places(
    base: Array,
    start: int,
    count: int,
    width: int,
    is_float: bool,
    class_shift: int,
    top_class: int,
    columns: int,
    column: int,
    row_scales: Array,
    column_scales: Array,
    place: Array,
) -> None:
    """The place of each element among the cells."""
    near, top, by = base[start : start + count], np.int64(top_class), np.int64(class_shift)
    if is_float:
        magnitude = np.int64((1 << (width - 1)) - 1)
        for k in range(count):
            level: int = top - ((np.int64(near[k]) & magnitude) >> by)
            place[k] = min(max(level, 0), LEVELS - 1) * ROW
    else:
        for k in range(count):
            level = top - _class_of(np.int64(near[k]), width, is_float, class_shift)
            place[k] = min(max(level, 0), LEVELS - 1) * ROW
    k = 0
    while columns and k < count:
        row, first = (column + start + k) // columns, (column + start + k) % columns
        left = min(columns - first, count - k)
        here, scales, of_row = place[k : k + left], column_scales[first : first + left], np.int32(row_scales[row])
        for q in range(left):
            here[q] += of_row + np.int32(scales[q])
        k += left


# ---- Symbols ----


@_compiled
def symbols(states: Array, cell: Array, out: Array, count: int, tables: Array, words: Array, at: int, end: int) -> int:
    """Decode symbols; the words that were taken, or MALFORMED if they are more than ``end``.

    Behind these are as many words as there are lanes, so that a step need not look. No branch asks which lanes take a
    word, as it could not be foretold. Indices are unsigned: numba would ask for the sign of others.
    """
    lanes, place = len(states), np.uint64(at)
    entries = np.empty(lanes, np.uint32)
    for i in range(0, count, lanes):
        here, given, used = cell[i : i + lanes], out[i : i + lanes], min(lanes, count - i)
        for lane in range(used):
            table = np.uint64(here[lane]) & np.uint64(0xFF)
            entries[lane] = tables[table << np.uint64(PROB_BITS) | states[lane] & np.uint64(PROB - 1)]
        for lane in range(used):
            entry = np.uint64(entries[lane])
            given[lane] = entry & np.uint64(0xFF)
            times = (entry >> np.uint64(8) & np.uint64(0xFFF)) + _ONE
            states[lane] = times * (states[lane] >> np.uint64(PROB_BITS)) + (entry >> np.uint64(20))
        for lane in range(used):
            state, word = states[lane], np.uint64(words[place])
            low = state < np.uint64(LOW)
            states[lane] = state << np.uint64(16) | word if low else state
            place += np.uint64(low)
        if place > np.uint64(end):
            return MALFORMED
    return np.int64(place)


# ---- A block ----


@_compiled
def decode(
    base: Array,
    out: Array,
    width: int,
    is_float: bool,
    class_shift: int,
    is_delta: bool,
    top_class: int,
    escape: int,
    columns: int,
    column: int,
    cells: Array,
    row_scales: Array,
    column_scales: Array,
    tables: Array,
    states: Array,
    words: Array,
    raw: Array,
    escaped: Array,
) -> int:
    """Decode a block; 0, or MALFORMED."""
    for lane in range(len(states)):
        if states[lane] < LOW:
            return MALFORMED
    place, cell = np.zeros(_CHUNK, np.int32), np.full(_CHUNK, cells[0] & 0xFF00, np.uint16)
    symbol = np.empty(_CHUNK, np.uint8)
    token, near, value = np.empty(_CHUNK, np.uint64), np.zeros(_CHUNK, np.uint32), np.empty(_CHUNK, np.uint32)
    padded = np.zeros((len(raw) + _CHUNK * MAX_SHIFT // 8) // 4 + 2, np.uint32)
    room = padded.view(np.uint8)
    for k in range(len(raw)):
        room[k] = raw[k]
    end = len(words) - len(states)
    at = taken = bit = 0
    size = len(out) * 8 // width
    for start in range(0, size, _CHUNK):
        count = min(_CHUNK, size - start)
        if is_delta:
            _load(base, start, count, width, near)
            _places(
                near,
                0,
                count,
                width,
                is_float,
                class_shift,
                top_class,
                columns,
                column + start,
                row_scales,
                column_scales,
                place,
            )
            for k in range(count):
                cell[k] = cells[np.uint32(place[k])]
        at = symbols(states, cell, symbol, count, tables, words, at, end)
        if at < 0:
            return MALFORMED
        bit = _join(symbol, cell, count, padded, bit, token)
        if bit > 8 * len(raw):
            return MALFORMED
        if escape < NO_ESCAPE:
            taken = _add_escaped(symbol, cell, count, escape, escaped, taken, token)
            if taken < 0:
                return MALFORMED
        _values(near, token, count, width, is_float, is_delta, value)
        _store(value, start, count, width, out)
    for lane in range(len(states)):
        if states[lane] != LOW:
            return MALFORMED
    if bit & 7 and raw[bit >> 3] >> (bit & 7):
        return MALFORMED
    return 0 if at == end and (bit + 7) // 8 == len(raw) and taken == len(escaped) else MALFORMED


@_compiled
def _join(symbol: Array, cell: Array, count: int, raw: Array, bit: int, token: Array) -> int:
    """Put raw bits, which begin with the given one, below symbols; where they end. There is room behind the last."""
    word = np.uint64(bit) >> np.uint64(5)
    rest, left = np.uint64(raw[word]) >> (np.uint64(bit) & np.uint64(31)), 32 - (bit & 31)
    for k in range(count):
        n = np.uint64(cell[k]) >> np.uint64(8)
        if left < 32:
            word += _ONE
            rest |= np.uint64(raw[word]) << np.uint64(left)
            left += 32
        token[k] = np.uint64(symbol[k]) << n | rest & ((_ONE << n) - _ONE)
        rest >>= n
        left -= np.int64(n)
    return 32 * (np.int64(word) + 1) - left


@_compiled
def _add_escaped(symbol: Array, cell: Array, count: int, escape: int, escaped: Array, taken: int, token: Array) -> int:
    """Add to tokens what is beyond the escape; how many were taken, or MALFORMED."""
    for first in range(0, count, _STEP):
        here, found = symbol[first : first + _STEP], 0
        for k in range(_STEP):
            found += here[k] == escape
        for k in range(first, min(first + _STEP, count) if found else first):
            if symbol[k] == escape:
                if taken == len(escaped):
                    return MALFORMED
                token[k] += np.uint64(escaped[taken]) << np.uint64(cell[k] >> 8)
                taken += 1
    return taken


@_compiled
def encode(
    base: Array,
    values: Array,
    width: int,
    is_float: bool,
    class_shift: int,
    is_delta: bool,
    top_class: int,
    escape: int,
    columns: int,
    column: int,
    cells: Array,
    row_scales: Array,
    column_scales: Array,
    frequency: Array,
    first: Array,
    states: Array,
    words: Array,
    raw: Array,
    escaped: Array,
) -> tuple[int, int, int]:
    """How many words, raw bytes and escaped elements were written; words at the end of theirs. -1: no frequency."""
    size = len(values)
    place, cell = np.zeros(_CHUNK, np.int32), np.full(_CHUNK, cells[0] & 0xFF00, np.uint16)
    table, symbol = np.zeros(size, np.uint8), np.empty(size, np.uint8)
    w = np.zeros(3, np.uint64)
    taken = 0
    for start in range(0, size, _CHUNK):
        count = min(_CHUNK, size - start)
        if is_delta:
            _places(
                base,
                start,
                count,
                width,
                is_float,
                class_shift,
                top_class,
                columns,
                column,
                row_scales,
                column_scales,
                place,
            )
            for k in range(count):
                cell[k] = cells[place[k]]
        for k in range(count):
            table[start + k] = cell[k] & 0xFF
            n = np.int64(cell[k]) >> 8
            token = _token(np.int64(base[start + k]), np.int64(values[start + k]), width, is_float, is_delta)
            _write(raw, w, token & ((1 << n) - 1), n)
            token >>= n
            if token >= escape:
                escaped[taken] = token - escape
                taken += 1
                token = escape
            symbol[start + k] = token
    return _write_symbols(table, symbol, frequency, first, states, words), _written(raw, w), taken


@_compiled
def _write_symbols(table: Array, symbol: Array, frequency: Array, first: Array, states: Array, words: Array) -> int:
    """Code symbols, the last one first; how many words were written, at the end of theirs, or -1: no frequency."""
    size, lanes, at = len(symbol), len(states), len(words)
    for i in range((size - 1) // lanes * lanes, -1, -lanes):
        for lane in range(min(lanes, size - i) - 1, -1, -1):
            t, s = table[i + lane], symbol[i + lane]
            f, state = np.int64(frequency[t, s]), states[lane]
            if not f:
                return -1
            if state >> (32 - PROB_BITS) >= f:
                at -= 1
                words[at] = state & 0xFFFF
                state >>= 16
            slot = np.int64(first[t, s]) - (PROB - 1 if f == 1 else 0)
            states[lane] = (state // f << PROB_BITS) + state % f + slot
    return len(words) - at


# ---- Fitting ----


@_compiled
def measure(
    base: Array,
    values: Array,
    width: int,
    is_float: bool,
    class_shift: int,
    is_delta: bool,
    top_class: int,
    escape: int,
    columns: int,
    column: int,
    cells: Array,
    row_scales: Array,
    column_scales: Array,
    rows: Array,
    by_column: Array,
) -> None:
    """Add up how far elements are from their base, by row and by column."""
    most = 4 << class_shift if is_float else 0x7FFFFFFF
    place = np.zeros(_CHUNK, np.int32)
    for start in range(0, len(values), _CHUNK):
        count = min(_CHUNK, len(values) - start)
        _places(base, start, count, width, is_float, class_shift, top_class, 0, 0, row_scales, column_scales, place)
        for k in range(count):
            token = _token(np.int64(base[start + k]), np.int64(values[start + k]), width, is_float, True)
            change = min((token >> 1) + (token & 1), most)
            if is_float:
                change = change / (1 << (place[k] // ROW))
            where = column + start + k
            rows[where // columns] += change
            by_column[where % columns] += change


@_compiled
def count_tokens(
    base: Array,
    values: Array,
    width: int,
    is_float: bool,
    class_shift: int,
    is_delta: bool,
    top_class: int,
    escape: int,
    columns: int,
    column: int,
    cells: Array,
    row_scales: Array,
    column_scales: Array,
    scales: int,
    histogram: Array,
) -> None:
    """Count tokens, by cell and scale."""
    place = np.zeros(_CHUNK, np.int32)
    for start in range(0, len(values), _CHUNK):
        count = min(_CHUNK, len(values) - start)
        if is_delta:
            _places(
                base,
                start,
                count,
                width,
                is_float,
                class_shift,
                top_class,
                columns,
                column,
                row_scales,
                column_scales,
                place,
            )
        for k in range(count):
            token = _token(np.int64(base[start + k]), np.int64(values[start + k]), width, is_float, is_delta)
            token >>= np.int64(cells[place[k]] >> 8)
            histogram[place[k] // ROW * scales + place[k] % ROW, min(token, escape if escape < 256 else 255)] += 1


@_compiled
def _cost(histogram: Array, other: Array) -> float:
    """About the bits that a table takes in the meta, and those of what it codes, for the sum of two histograms.

    By loops, here and below: numba takes seconds to compile a sum of arrays.
    """
    total, coded, table = 0, 0.0, 20.0
    for s in range(256):
        n = np.int64(histogram[s]) + np.int64(other[s])
        if n:
            total += n
            coded += n * np.log2(n)
            table += 5
    return total * np.log2(total) - coded + table if total else 0.0


@_compiled
def _add(histogram: Array, other: Array) -> None:
    for s in range(256):
        histogram[s] += np.int64(other[s])


@_compiled
def _group(histograms: Array, most: int, after: Array) -> int:
    """Group histograms, in an order in which neighbours are alike: at most ``most``, fewer where that takes fewer bits.

    Those of a group are added up at the place of its first; ``after`` says where each group ends. Returns how many.
    """
    n = len(histograms)
    costs, gains, nothing = np.empty(n, np.float64), np.empty(n, np.float64), np.zeros(256, np.int64)
    for i in range(n):
        costs[i], after[i] = _cost(histograms[i], nothing), i + 1
    for i in range(n - 1):
        gains[i] = costs[i] + costs[i + 1] - _cost(histograms[i], histograms[i + 1])
    alive = n
    while alive > 1:
        best, before, last, i = 0, -1, -1, 0
        while after[i] < n:
            if i == 0 or gains[i] > gains[best]:
                best, before = i, last
            last, i = i, after[i]
        if gains[best] <= 0 and alive <= most:
            break
        other = after[best]
        _add(histograms[best], histograms[other])
        costs[best], after[best] = _cost(histograms[best], nothing), after[other]
        if after[best] < n:
            right = after[best]
            gains[best] = costs[best] + costs[right] - _cost(histograms[best], histograms[right])
        if before >= 0:
            gains[before] = costs[before] + costs[best] - _cost(histograms[before], histograms[best])
        alive -= 1
    return alive


@_compiled
def plan(
    histogram: Array, scales: int, most: int, written: Array, frequencies: Array
) -> tuple[int, int, int, int, int]:
    """Group cells into tables and write these: how many, levels, the first and the last scale, and the bytes of it."""
    places = len(histogram)
    means = np.empty(places, np.float64)
    occupied = np.empty(places, np.int64)
    n, levels, first, last = 0, 1, ROW, 0
    for place in range(places):
        total, weighed = 0, 0
        for s in range(256):
            total += np.int64(histogram[place, s])
            weighed += s * np.int64(histogram[place, s])
        if total:
            means[n], occupied[n] = weighed / total, place
            n += 1
            levels = place // scales + 1
            first, last = min(first, place % scales), max(last, place % scales)
    if not n:
        n, means[0], occupied[0], first, last = 1, 0.0, 0, 0, 0
    order = np.argsort(means[:n], kind="mergesort")
    bins = min(n, _MAX_OCCUPIED)
    work, after = np.zeros((bins, 256), np.int64), np.empty(bins, np.int64)
    for i in range(n):
        _add(work[i * bins // n], histogram[occupied[order[i]]])
    count = _group(work, most, after)
    label = np.full(places, -1, np.int64)
    number, stop = 0, after[0]
    for i in range(n):
        if i * bins // n >= stop:
            number, stop = number + 1, after[stop]
        label[occupied[order[i]]] = number
    w = np.zeros(3, np.uint64)  # the bits that are not written yet, how many, and the next byte
    _write_cells(written, w, label, scales, levels, first, last, _bit_length(count - 1))
    i = number = 0
    while i < bins:
        _write_table(written, w, work[i], frequencies[number])
        i, number = after[i], number + 1
    return count, levels, first, last, _written(written, w)


@_compiled
def _write_cells(
    written: Array, w: Array, label: Array, scales: int, levels: int, first: int, last: int, bits: int
) -> None:
    """Write which table each cell has: a cell that does not occur, that of its neighbour."""
    for level in range(levels):
        here = -1
        for scale in range(first, last + 1):
            if here < 0:
                here = label[level * scales + scale]
        here, before = max(here, 0), -1
        for scale in range(first, last + 1):
            if label[level * scales + scale] >= 0:
                here = label[level * scales + scale]
            if scale > first:
                _write(written, w, here != before, 1)
            if here != before:
                _write(written, w, here, bits)
            before = here


@_compiled
def plan_scales(histogram: Array, written: Array, frequencies: Array) -> int:
    """Write the table of scales; the bytes of it."""
    w = np.zeros(3, np.uint64)
    _write_table(written, w, histogram, frequencies)
    return _written(written, w)


# ---- Tables, written and read ----


@_compiled
def _write(written: Array, w: Array, value: int, n: int) -> None:
    w[0] |= np.uint64(value) << w[1]
    w[1] += np.uint64(n)
    while w[1] >= 8:
        written[w[2]] = w[0] & np.uint64(0xFF)
        w[0] >>= np.uint64(8)
        w[1] -= np.uint64(8)
        w[2] += _ONE


@_compiled
def _written(written: Array, w: Array) -> int:
    if w[1]:
        _write(written, w, 0, 8 - np.int64(w[1]))
    return np.int64(w[2])


@_compiled
def _write_number(written: Array, w: Array, value: int) -> None:
    ones = 0
    while value >= ((1 << (ones + 1)) - 1) << 1:
        ones += 1
    _write(written, w, (1 << ones) - 1, ones + 1)
    _write(written, w, value - (((1 << ones) - 1) << 1), ones + 1)


@_compiled
def _frequency_of(step: int) -> int:
    """Steps of frequencies: 0 to 15 one by one, then eight in each octave."""
    return step if step < 16 else (8 + (step & 7)) << ((step >> 3) - 1)


@_compiled
def _step_of(frequency: float) -> int:
    if frequency < 16:
        return int(frequency + 0.5)
    for octave in range(9):
        if frequency < (16 << (octave + 1)) - (1 << octave):
            return 8 * (octave + 2) + int((frequency - (16 << octave)) / (2 << octave) + 0.5)
    return _MAX_STEP


@_compiled
def _write_table(written: Array, w: Array, histogram: Array, frequencies: Array) -> None:
    """Fit frequencies to a histogram and write them: the most frequent symbol has what the others leave."""
    steps = np.zeros(256, np.int64)
    total, size, most = 0, 1, 0
    for s in range(256):
        if histogram[s]:
            total, size = total + np.int64(histogram[s]), s + 1
    scale = PROB / total if total else 0.0
    if not total:
        steps[0], frequencies[0] = _MAX_STEP, PROB
    while total:
        most, others = 0, 0
        for s in range(size):
            steps[s] = max(_step_of(np.int64(histogram[s]) * scale), 1) if histogram[s] else 0
            if steps[s] > steps[most]:
                most = s
        for s in range(size):
            frequencies[s] = _frequency_of(steps[s])
            others += frequencies[s] if s != most else 0
        frequencies[most] = PROB - others if others < PROB else 0
        if frequencies[most] * 10.0 >= 9.0 * np.int64(histogram[most]) * PROB / total or others < PROB // 2:
            break
        scale *= 0.98
    _write(written, w, size - 1, 8)
    for s in range(size):
        more = steps[s] - (steps[s - 2] if s > 1 else steps[0] if s else 32)
        _write_number(written, w, -2 * more - 1 if more < 0 else 2 * more)


@_compiled
def _read(data: Array, r: Array, n: int) -> int:
    """The next bits; r[3] is set at the end."""
    while r[1] < n:
        if r[2] == len(data):
            r[3] = 1
            return 0
        r[0] |= np.int64(data[r[2]]) << r[1]
        r[1] += 8
        r[2] += 1
    value = r[0] & ((1 << n) - 1)
    r[0] >>= n
    r[1] -= n
    return value


@_compiled
def _skip_fill(r: Array) -> None:
    """Skip what fills the last byte before something that begins with one of its own."""
    if r[0]:
        r[3] = 1
    r[0] = r[1] = 0


@_compiled
def _read_number(data: Array, r: Array) -> int:
    ones = 0
    while _read(data, r, 1):
        ones += 1
        if ones > 10:
            r[3] = 1
            return 0
    return (((1 << ones) - 1) << 1) + _read(data, r, ones + 1)


@_compiled
def _read_table(data: Array, r: Array, table: Array) -> None:
    size = _read(data, r, 8) + 1
    steps = np.zeros(256, np.int64)
    most, others, slot = 0, 0, 0
    for s in range(size):
        value = _read_number(data, r)
        like = steps[s - 2] if s > 1 else steps[0] if s else 32
        steps[s] = like + (-((value + 1) >> 1) if value & 1 else value >> 1)
        if r[3] or not 0 <= steps[s] <= _MAX_STEP:
            r[3] = 1
            return
        if steps[s] > steps[most]:
            most = s
    for s in range(size):
        others += _frequency_of(steps[s]) if s != most else 0
    if others >= PROB:
        r[3] = 1
        return
    for s in range(size):
        frequency = PROB - others if s == most else _frequency_of(steps[s])
        for k in range(frequency):
            table[slot] = s | (frequency - 1) << 8 | k << 20
            slot += 1


@_compiled
def open_tables(
    data: Array,
    count: int,
    levels: int,
    first: int,
    last: int,
    offset: int,
    most: int,
    columns: int,
    cells: Array,
    tables: Array,
    row_table: Array,
    column_table: Array,
) -> int:
    """Where the scales of the columns begin, or MALFORMED."""
    r = np.zeros(4, np.int64)
    of = np.zeros((levels, ROW), np.int64)
    for level in range(levels):
        for scale in range(first, last + 1):
            if scale > first and not _read(data, r, 1):
                of[level, scale] = of[level, scale - 1]
            else:
                of[level, scale] = _read(data, r, _bit_length(count - 1))
            if r[3] or of[level, scale] >= count:
                return MALFORMED
    for level in range(LEVELS):
        for scale in range(ROW):
            shift = min(max(scale + 2 * level + offset, 0) // 2, most)
            cells[level * ROW + scale] = of[min(level, levels - 1), min(max(scale, first), last)] | shift << 8
    for t in range(count):
        _read_table(data, r, tables[t])
        if r[3]:
            return MALFORMED
    if columns:
        _skip_fill(r)
        _read_table(data, r, row_table)
        _skip_fill(r)
        if not r[3]:
            _read_table(data, r, column_table)
    _skip_fill(r)
    return MALFORMED if r[3] else r[2]
