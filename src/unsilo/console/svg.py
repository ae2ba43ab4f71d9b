"""Small pictures drawn on the server, always beside words: sparkline, trend, timeline lanes, message rates."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import median

from markupsafe import Markup, escape

from unsilo.flow.read.results import Point, Series
from unsilo.flow.read.timeline import Event

__all__ = ["axis", "balance", "bars", "lane", "sparkline", "trend"]

_DAY = 86_400_000_000
MOST_POINTS = 40
"""What a sparkline shows at most, the newest; the trend page shows all."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_PICTURE = Markup('<svg class="{}" width="{}" height="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
_GRID = Markup('<line class="grid" x1="54" x2="{}" y1="{}" y2="{}"/><text x="48" y="{}" text-anchor="end">{}</text>')


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _limits(points: Sequence[Point]) -> tuple[float, float]:
    values = [float(n) for p in points if (n := p.number) is not None]
    bounds = {bound for point in points for bound in point.range[1:]}
    values += [float(bound) for bound in bounds if bound is not None]
    low, high = min(values), max(values)
    if low == high:
        low, high = low - (abs(low) or 1) * 0.1, high + (abs(high) or 1) * 0.1
    return low, high


def _segments(points: Sequence[Point]) -> list[list[int]]:
    """Break the line where a gap is over twice the median interval: nothing is suggested where nothing was measured."""
    gaps = [b.when.at - a.when.at for a, b in pairwise(points)]
    widest = 2 * median(gaps) if len(gaps) > 2 else None
    runs: list[list[int]] = [[0]]
    for place, gap in enumerate(gaps, 1):
        if widest is not None and gap > widest and gap > _DAY:
            runs.append([])
        runs[-1].append(place)
    return runs


def _bands(points: Sequence[Point]) -> Iterator[tuple[int, int]]:
    """Yield (first, past the last) of neighbours with the same stated range: drawn stepwise, never merged."""
    start, stated = 0, [point.range[1:] for point in points]
    for place in range(1, len(points) + 1):
        same = place < len(points) and stated[place] == stated[start]
        if not same:
            if stated[start] != (None, None):
                yield start, place
            start = place


def _plot(points: Sequence[Point], left: float, right: float, top: float, bottom: float) -> Markup:
    low, high = _limits(points)
    first, last = points[0].when.at, points[-1].when.at
    xs = [left + (right - left) * ((p.when.at - first) / (last - first) if last > first else 0.5) for p in points]

    def y(value: Decimal | float) -> float:
        return bottom - (float(value) - low) / (high - low) * (bottom - top)

    spots = [(_n(x), _n(y(point.number or 0))) for x, point in zip(xs, points, strict=True)]
    out = []
    for place, stop in _bands(points):
        bounds = points[place].range
        low_x = left if place == 0 else (xs[place - 1] + xs[place]) / 2
        high_x = right if stop == len(points) else (xs[stop - 1] + xs[stop]) / 2
        above = y(bounds.high) if bounds.high is not None else top
        below = y(bounds.low) if bounds.low is not None else bottom
        if high_x > low_x and below > above:
            out.append(
                f'<rect class="band" x="{_n(low_x)}" y="{_n(above)}" width="{_n(high_x - low_x)}" '
                f'height="{_n(below - above)}"/>'
            )
    for run in _segments(points):
        if len(run) > 1:
            line = " ".join([f"{spots[i][0]},{spots[i][1]}" for i in run])
            out.append(f'<polyline class="line" points="{line}"/>')
    for place, point in enumerate(points):
        flag, mark = point.flag, point.mark
        tone = "out" if flag is not None and flag.level else "in"
        hollow = " open" if (mark is not None and mark.tone == "soft") or point.comparator else ""
        final = place == len(points) - 1
        if final or hollow or tone == "out" or len(points) <= 12:
            size = 2.6 if final else 1.8
            out.append(f'<circle class="{tone}{hollow}" cx="{spots[place][0]}" cy="{spots[place][1]}" r="{size}"/>')
    return Markup("".join(out))  # noqa: S704 - built from numbers and fixed words only


def sparkline(series: Series, name: str, *, width: int = 132, height: int = 30) -> Markup:
    """Return one unit's points over time with the stated range as a band; the label says the same in words."""
    points = series.points[-MOST_POINTS:]
    if not points:
        return Markup("")
    values = [p.number for p in points if p.number is not None]
    outside = sum(1 for p in points if (flag := p.flag) is not None and flag.level)
    last = f"the last {len(points)} of {len(series.points)}" if len(points) < len(series.points) else f"{len(points)}"
    label = (
        f"{name}: {last} results from {points[0].value} to {points[-1].value}, lowest {min(values)}, "
        f"highest {max(values)} {series.said}, {outside} flagged"
    )
    body = _plot(points, 4, width - 5, 4, height - 4)
    return Markup(
        '<svg class="spark" width="{}" height="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(width, height, width, height, label, body)


def trend(series: Series, name: str, *, width: int = 760, height: int = 240) -> Markup:
    """Return the larger chart that stands where scripts are off: axis with dates and values, same drawing rules."""
    points = series.points
    low, high = _limits(points)
    body = _plot(points, 54, width - 16, 14, height - 34)
    marks = []
    for place in range(5):
        value = low + (high - low) * place / 4
        y = height - 34 - (height - 48) * place / 4
        marks.append(_GRID.format(width - 16, _n(y), _n(y), _n(y + 4), f"{value:.4g}"))
    first, last = points[0].when.at, points[-1].when.at
    for at, words in _ticks(first, max(last, first + _DAY), 6):
        x = 54 + (width - 70) * ((at - first) / (last - first) if last > first else 0.5)
        if 54 <= x <= width - 16:
            marks.append(Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(_n(x), height - 12, words))
    label = f"{name} in {series.said or 'the reported unit'} over time; the table has every value"
    return _PICTURE.format("trend", width, height, width, height, label, Markup("").join([*marks, body]))


def _ticks(start: int, end: int, most: int) -> list[tuple[int, str]]:
    """Return (µs, words) at round moments: years, months or days, never more than `most`."""
    first, last = _EPOCH + timedelta(microseconds=start), _EPOCH + timedelta(microseconds=end)
    years, months = last.year - first.year, (last.year - first.year) * 12 + last.month - first.month
    found: list[tuple[datetime, str]] = []
    if years >= 3:
        step = max(1, -(-years // most))
        found = [
            (datetime(y, 1, 1, tzinfo=UTC), str(y))
            for y in range(first.year + 1, last.year + 1)
            if y % step == 0 or step == 1
        ]
    elif months >= 2:
        step = next((s for s in (1, 2, 3, 6, 12) if months <= s * most), 12)
        for n in range(first.month, first.month + months + 1):
            year, month = first.year + n // 12, n % 12 + 1
            if n % step == 0:
                found.append((datetime(year, month, 1, tzinfo=UTC), f"{_MONTHS[month - 1]}-{year}"))
    else:
        days = (last - first).days + 1
        step = max(1, -(-days // most))
        day = datetime(first.year, first.month, first.day, tzinfo=UTC) + timedelta(days=1)
        while day <= last:
            found.append((day, f"{day.day:02d}-{_MONTHS[day.month - 1]}"))
            day += timedelta(days=step)
    return [((moment - _EPOCH) // timedelta(microseconds=1), words) for moment, words in found]


def axis(start: int, end: int) -> Markup:
    """Return the time axis above the lanes, in per cent of the width, so that it fits any screen."""
    parts = []
    for at, words in _ticks(start, end, 7):
        x = (at - start) / (end - start) * 100
        if 2 < x < 97:
            parts.append(Markup('<text x="{}%" y="12" text-anchor="middle">{}</text>').format(_n(x), words))
    return Markup('<svg class="axis" width="100%" height="16" aria-hidden="true">{}</svg>').format(
        Markup("").join(parts)
    )


class _Bin:
    """Events that fall on the same spot of the picture."""

    def __init__(self) -> None:
        self.count = 0
        self.new = False
        self.tone = "void"
        self.vague = True
        self.first = 0


def lane(events: Iterable[Event], start: int, end: int, *, link: str) -> Markup:
    """Return one lane: bars for what lasts, dots for moments (larger when several), hollow when imprecise or withdrawn.

    `link` is the address of the list; each dot leads to that moment in it. The list carries the same in words.
    """
    width = end - start
    drawn, bins = [], dict[int, _Bin]()
    for event in events:
        low = (event.start - start) / width * 100
        high = min(100.0, (event.end - start) / width * 100)
        if high - max(low, 0) >= 1.2 and not event.vague and event.when.precision != "day":
            tone = f"{event.tone}{' new' if event.fact.new else ''}"
            place, size = _n(max(low, 0)), _n(high - max(low, 0))
            drawn.append(f'<rect class="bar {tone}" x="{place}%" y="8" width="{size}%" height="8" rx="4"/>')
            continue
        middle = (low + high) / 2 if event.vague else low
        spot = bins.setdefault(int(middle / 0.9), _Bin())
        spot.count += 1
        spot.new = spot.new or event.fact.new
        spot.vague = spot.vague and event.vague
        if event.tone != "void":
            spot.tone = event.tone if spot.tone in ("void", event.tone) else ""
        spot.first = max(spot.first, event.start)
    to = escape(link)
    for where, spot in sorted(bins.items()):
        if 0 <= where * 0.9 <= 100:
            tone = f"{spot.tone}{' new' if spot.new else ''}{' vague' if spot.vague else ''}"
            size = _n(min(8.0, 3.2 + 0.8 * (spot.count - 1) ** 0.5))
            drawn.append(
                f'<a href="{to}&amp;at={spot.first + 1}#list" tabindex="-1">'
                f'<circle class="dot {tone}" cx="{_n((where + 0.5) * 0.9)}%" cy="12" r="{size}"/></a>'
            )
    return Markup(  # noqa: S704 - of numbers, fixed words and an escaped address
        '<svg class="lane" width="100%" height="24" aria-hidden="true">'
        f'<line class="base" x1="0" x2="100%" y1="12" y2="12"/>{"".join(drawn)}</svg>'
    )


def bars(values: Sequence[int], name: str, *, width: int = 120, height: int = 24) -> Markup:
    """Return a row of bars, oldest first, such as messages a minute; the label names total and highest."""
    top = max(values, default=0)
    if not top:
        return Markup("")
    step = width / len(values)
    drawn = Markup("").join(
        Markup('<rect x="{}" y="{}" width="{}" height="{}"/>').format(
            _n(i * step), _n(height - v / top * height), _n(max(step - 0.6, 0.6)), _n(v / top * height)
        )
        for i, v in enumerate(values)
        if v
    )
    return Markup(
        '<svg class="bars" width="{}" height="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(width, height, width, height, f"{name}: {sum(values)} in all, at most {top}", drawn)


def balance(bits: float, most: float, *, width: int = 120, height: int = 14) -> Markup:
    """Return a weight as a bar from the middle: to the right what speaks for, to the left what speaks against."""
    half = width / 2
    long = min(abs(bits) / most, 1.0) * half if most else 0.0
    return Markup(
        '<svg class="balance" width="{}" height="{}" viewBox="0 0 {} {}" aria-hidden="true">'
        '<line x1="{}" x2="{}" y1="0" y2="{}"/><rect class="{}" x="{}" y="2" width="{}" height="{}"/></svg>'
    ).format(
        width, height, width, height, _n(half), _n(half), height, "for" if bits >= 0 else "against",
        _n(half if bits >= 0 else half - long), _n(long), height - 4,
    )  # fmt: skip
