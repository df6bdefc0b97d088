"""Numbers as people read them: three digits, a unit that fits, an interval in brackets."""

from collections.abc import Callable

from suite.bench.results import Spread, Workload

__all__ = ("cardinal", "duration", "interval", "kib", "number", "percent", "ratio", "steady", "workload")


def number(value: float) -> str:
    """Three significant digits, without an exponent; thousands have commas."""
    if abs(value) >= 1000:
        digits = 3 - len(str(int(abs(value))))
        return f"{round(value, digits):,.0f}"
    text = f"{value:.3g}"
    return text if "e" not in text else f"{value:.6f}".rstrip("0").rstrip(".")


def steady(value: float) -> str:
    """Three significant digits, zeros at the end too, so that columns of measurements line up."""
    text = f"{value:#.3g}".rstrip(".")
    return number(value) if "e" in text or value == 0 else text


def ratio(value: float) -> str:
    """Two decimals, three below 0.1."""
    return f"{value:.2f}" if value >= 0.095 else f"{value:.3f}"


def duration(micros: float, shown: Callable[[float], str] = steady) -> str:
    """Microseconds with the unit that fits."""
    for limit, unit in ((1e3, "µs"), (1e6, "ms")):
        if micros < limit * 0.9995:
            return f"{shown(micros / limit * 1e3)} {unit}"
    return f"{shown(micros / 1e6)} s"


def kib(value: float, shown: Callable[[float], str] = steady) -> str:
    """KiB with the unit that fits."""
    return f"{shown(value)} KiB" if value < 1023.5 else f"{shown(value / 1024)} MiB"


def percent(share: float) -> str:
    """A share of one; whole percents."""
    return f"{share * 100:.0f} %"


def interval(spread: Spread, shown: Callable[[float], str] = ratio) -> str:
    """`1.05 [1.01, 1.07]`."""
    return f"{shown(spread.median)} [{shown(spread.q1)}, {shown(spread.q3)}]"


def cardinal(count: int, one: str, many: str = "") -> str:
    """`1 claim`, `2 claims`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def workload(what: Workload) -> str:
    """A workload in words: `50 clients × 1 KiB, closed loop`."""
    size = kib(what.size / 1024, number) if what.size >= 1024 and what.size % 1024 == 0 else f"{what.size} B"
    head = f"{cardinal(what.connections, 'client')} \N{MULTIPLICATION SIGN} {size}"
    if what.idle:
        head += f" beside {what.idle:,} idle"
    if what.mode == "open":
        pace = "" if what.rate is None else f" at {number(what.rate)} messages/s"
        return f"{head}, open loop{pace}"
    if what.mode == "churn":
        return f"{head}, churn: connect, echo once, close"
    return f"{head}, closed loop" + (f", {what.depth} messages under way each" if what.depth > 1 else "")
