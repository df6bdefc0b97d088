"""The joined page by its markup alone: what it says, that it keeps to itself, and how much it weighs."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from suite.bench.findings import Claim, Plot
from suite.bench.results import BenchFinished, Ratio, Row, Workload
from suite.conformance.checks import catalogue
from suite.events import CheckResult, Level, TargetResult, Verdict
from suite.report import joined
from suite.report.joined.page import LIMIT, render
from suite.report.joined.reading import Sources, read
from suite.report.joined.strips import strip
from tests.report.joined_samples import SERVERS, WORKLOADS, bench, check, claims, save, spread
from tests.report.pages import Page, contrast, schemes
from tests.report.samples import HOSTILE

FEW = {name: SERVERS[name] for name in ("uvloop-protocol", "raw-epoll", "raw-select", "trio")}


def sources(folder: Path, **reports: Any) -> Sources:
    """Write reports and read them back, as the command does."""
    paths = {kind: save(folder / f"{kind}.json", report) for kind, report in reports.items()}
    return read(paths.get("check"), paths.get("bench"), paths.get("claims"))


def words(text: str) -> str:
    return re.sub(r"\s+", " ", Page(text).text)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Render all three reports of a few servers."""
    return render(sources(tmp_path_factory.mktemp("all"), check=check(), bench=bench(FEW), claims=claims()))


def test_everything_is_told(page: str) -> None:
    text = words(page)
    for piece in (
        "7 servers checked and measured, 5 claims tried",
        "1 of 3 servers conforms", "Not conforming: bad <b>server</b> (1 failed)", "Without a verdict: h:7",
        "5 textbook claims tried: 2 shown here, 1 not so here, 1 could not be told on this machine and 1 reported",
        "No winner against uvloop-protocol",
        "2 rows are INVALID", "client-limited: the load generator was the bottleneck", "hc-one", "nothing, not thanks",
        "Threshold: Ten times.", "Threshold: None by design", "slope_poll", "[10, 100, 1000, 9000]",
        "INVALID refused 100 of 1,050 clients", "50 clients \N{MULTIPLICATION SIGN} 1 KiB, open loop at 20,000 messages/s", "12 late",
        "Over idle connections: 50 clients \N{MULTIPLICATION SIGN} 64 B, closed loop", "Over active connections: 64 B, closed loop",
        "Memory per idle connection", "Processor time per message", "Loopback is no network",
        "servers on processor 0", "seed 42", "2026-01-31", "trio 0.27", "bench.json", "whose schedule asked",
    ):  # fmt: skip
        assert piece in text, piece
    assert re.search(r"trio serves 0\.\d\d times \[0\.\d\d, 0\.\d\d\] what uvloop-protocol does\.", text)


def test_a_row_without_a_verdict_has_no_number(tmp_path: Path) -> None:
    good = bench({"a": 8.0, "b": 9.0}, WORKLOADS[:1])
    wrong = replace(good.rows[1], verdict="INVALID", reason="12 messages came back changed", rate=spread(424242.0))
    text = words(render(sources(tmp_path, bench=replace(good, rows=(good.rows[0], wrong)))))
    assert "INVALID 12 messages came back changed" in text
    assert "424,000" not in text
    assert "b serves" not in text
    assert "no curve: b" in text.lower()


def test_a_saturated_open_loop_is_called_so(tmp_path: Path) -> None:
    report = bench({"fast": 9.0, "slow": 100.0}, [Workload(mode="open", rate=20000.0)])
    text = words(render(sources(tmp_path, bench=report)))
    assert "slow saturated" in text
    assert "fast saturated" not in text
    assert "1 row is saturated: the schedule asked for more" in text
    assert "serves" not in text  # the schedule makes the rate of an open loop


def test_a_server_may_be_compared_with_itself(tmp_path: Path) -> None:
    report = bench({"poll": 8.0, "epoll": 8.0}, [Workload(size=64), Workload(size=64, idle=9000)])
    few, many = report.rows[:2], report.rows[2:]
    kept = [Ratio("50x64B", spread(share), clear=True) for share in (0.05, 0.98)]
    rows = (
        *(replace(row, ratio=None) for row in few),
        *(replace(row, ratio=ratio) for row, ratio in zip(many, kept, strict=True)),
    )
    page = render(sources(tmp_path, bench=replace(report, rows=rows)))
    text = words(page)
    assert "epoll keeps 0.98 times [0.94, 1.01] its own rate at 50x64B" in text
    assert "poll keeps 0.05" not in text.partition("epoll keeps")[0]
    assert "times its own rate at 50x64B" in text
    assert ">no winner" not in page


def test_each_section_only_with_its_report(tmp_path: Path) -> None:
    parts = {"check": check(), "bench": bench(FEW, WORKLOADS[:1]), "claims": claims()}
    marks = {"check": "conformance", "bench": "bench", "claims": "claims"}
    for kind, report in parts.items():
        parsed = Page(render(sources(tmp_path, **{kind: report})))
        ids = {attrs.get("id") for _, attrs in parsed.tags}
        assert [marks[one] for one in parts if marks[one] in ids] == [marks[kind]]
        assert "methods" in ids


def test_nothing_is_fetched_and_every_link_leads_somewhere(page: str) -> None:
    parsed = Page(page)
    ids = Counter(attrs["id"] for _, attrs in parsed.tags if "id" in attrs)
    assert [name for name, count in ids.items() if count > 1] == []
    links = [attrs["href"] or "" for attrs in parsed.every("a")]
    assert {link for link in links if not link.startswith("#")} == set()
    assert {link[1:] for link in links} <= set(ids)
    fetching = {"src", "srcset", "data", "action", "xlink:href", "poster", "background", "formaction"}
    assert [tag for tag, attrs in parsed.tags if fetching & set(attrs)] == []
    assert [attrs["href"] for attrs in parsed.every("link")] == ["data:,"]
    assert not re.search(r"https?:|@import|url\(", page)
    assert len(parsed.every("script")) == len(parsed.every("style")) == 1
    (policy,) = (attrs["content"] for attrs in parsed.every("meta") if "http-equiv" in attrs)
    assert (policy or "").startswith("default-src 'none'")


def test_what_a_report_says_is_text_and_nothing_else(tmp_path: Path) -> None:
    evil = f"<script>alert(1)</script>{HOSTILE}"
    report = bench({evil: 8.0, "b": 9.0, '" onload="x': 9.0, "--x:red;}</style>": 20.0}, WORKLOADS[:2])
    rows = (*report.rows, Row(evil, Workload(size=3), "INVALID", evil))
    mean = replace(report, rows=rows, environment={evil: {evil: [evil, None]}}, pinning={evil: [0]})
    plot = Plot(evil, evil, claims().claims[0].plot.series, labels=(evil,))  # type: ignore[union-attr]
    told = Claim(evil, evil, "PASS", evil, evil, {evil: evil}, plot)
    bars = replace(told, id="bars", plot=replace(plot, bars=True))
    target = TargetResult(evil, "conforming", 0, (CheckResult(evil, evil, Level.MUST, Verdict.WARN, evil),), {evil: evil}, 1.0, note=evil)  # fmt: skip
    text = render(sources(tmp_path, bench=mean, claims=claims(claims=(told, bars)), check=check([target])), evil)
    parsed = Page(text)
    assert len(parsed.every("script")) == 1
    assert len(parsed.every("style")) == 1
    assert [attrs for _, attrs in parsed.tags if any(name.startswith("on") for name in attrs)] == []
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", text)
    assert parsed.text.count("<script>alert(1)</script>") > 10


def everything(targets: int) -> list[TargetResult]:
    """Judge so many targets by every check there is, one in nine of them with a finding."""
    found = []
    for number in range(targets):
        results = [
            CheckResult(row.id, row.family, row.level, Verdict.FAIL, "r" * 120, "e" * 60, "a" * 60, script=(["open", 0], ["send", 0, {"hex": "00"}], ["fin", 0]))
            if (at + number) % 9 == 0
            else CheckResult(row.id, row.family, row.level, Verdict.PASS)
            for at, row in enumerate(catalogue())
        ]  # fmt: skip
        found.append(TargetResult(_long(number), "non-conforming", 1, tuple(results), {"polls": True}, 9.0))
    return found


def _long(number: int) -> str:
    return (
        f"/opt/a/very/long/way/to/servers/node --max-old-space-size=4096 server.js --workers {number} --port {{port}}"
    )


def test_many_servers_with_long_names_fit(tmp_path: Path) -> None:
    servers = {_long(number): 8.0 + number for number in range(25)}
    report = bench(servers)
    text = render(sources(tmp_path, check=check(everything(25)), bench=report, claims=claims()))
    assert len(text.encode()) <= LIMIT
    told = words(text)
    assert "This page is shortened" in told
    assert _long(24) in told  # once, in full
    names = [attrs for attrs in Page(text).every("li") if "data-s" in attrs]
    assert len({attrs["data-s"] for attrs in names}) >= 25


def test_the_main_job_fits_unshortened(tmp_path: Path) -> None:
    text = render(sources(tmp_path, bench=bench(), claims=claims(), check=check()))
    assert len(text.encode()) <= LIMIT
    assert "This page is shortened" not in text


BARE = bench({"a": 8.0, "b": 9.0}, WORKLOADS)


@pytest.mark.parametrize(
    "report",
    [
        bench({}),
        replace(BARE, rows=()),
        replace(BARE, rows=tuple(replace(row, latency=None) for row in BARE.rows)),
        replace(BARE, rows=tuple(replace(row, latency=replace(row.latency, histogram="AAAA")) for row in BARE.rows if row.latency)),
        replace(BARE, rows=tuple(replace(row, latency=replace(row.latency, percentiles={}, count=3)) for row in BARE.rows if row.latency)),
        replace(BARE, rows=tuple(Row(row.target, row.workload, "MEASURED") for row in BARE.rows)),
        replace(BARE, rows=tuple(Row(row.target, row.workload, "INCONCLUSIVE", "the machine was busy") for row in BARE.rows)),
        replace(BARE, rows=tuple(replace(row, rate=spread(5.0, 0, 1), cpu=spread(0.0, 0, 1), ratio=row.ratio and replace(row.ratio, spread=spread(1.0, 0, 1), clear=False)) for row in BARE.rows)),
        replace(BARE, rows=tuple(replace(row, ratio=row.ratio and replace(row.ratio, spread=spread(0.0))) for row in BARE.rows)),
        replace(BARE, rows=BARE.rows[:1], interrupted=True, pinning={}, environment={}, exit=130),
        replace(BARE, rows=BARE.rows + BARE.rows),
    ],
    ids=["no targets", "no rows", "no latencies", "damaged histograms", "few samples", "bare rows", "inconclusive", "one slice", "zero ratios", "interrupted", "rows twice"],
)  # fmt: skip
def test_odd_benchmarks_make_a_page(report: BenchFinished, tmp_path: Path) -> None:
    text = render(sources(tmp_path, bench=report))
    Page(text)
    assert not re.search(r"\b(None|nan|inf|NaN|Infinity|Undefined)\b", words(text).replace("None is clearly", ""))


def test_what_no_claim_and_no_target_makes(tmp_path: Path) -> None:
    text = words(render(sources(tmp_path, claims=claims(claims=()), check=check([]))))
    assert "Nothing ran" in text
    assert "No claim was tried" in text
    assert "No target was checked" in text


def test_odd_plots_make_a_page(tmp_path: Path) -> None:
    one = claims().claims[0]
    assert one.plot is not None
    lonely = replace(one.plot, series=(replace(one.plot.series[0], points=one.plot.series[0].points[:1]),))
    zero = replace(one.plot, series=(replace(one.plot.series[0], points=tuple(replace(point, x=0, y=0, low=-1, high=0) for point in one.plot.series[0].points)),))  # fmt: skip
    plots = [lonely, zero, replace(one.plot, series=()), replace(one.plot, bars=True, labels=()), replace(lonely, log_x=False, log_y=False)]  # fmt: skip
    told = tuple(replace(one, id=f"c{at}", plot=plot) for at, plot in enumerate(plots))
    Page(render(sources(tmp_path, claims=claims(claims=told))))


def test_reports_of_different_machines_say_so(tmp_path: Path) -> None:
    other = claims(environment={"kernel": "5.0", "cpus": 2})
    text = words(render(sources(tmp_path, bench=bench(FEW, WORKLOADS[:1], interrupted=True), claims=other)))
    assert "Benchmark and claims come from different surroundings; these differ: kernel." in text
    assert "Benchmark: the run was interrupted" in text


def test_the_title_is_the_users(tmp_path: Path) -> None:
    assert "<h1>Lecture 7 &amp; 8</h1>" in render(sources(tmp_path, claims=claims()), "Lecture 7 & 8")


def test_a_strip_puts_a_number_where_it_belongs() -> None:
    chart = strip("x", [("a", 0, spread(1.0, 0), "", "", ""), ("b", 1, spread(10.0, 0), "", "", ""), ("c", 2, spread(100.0, 0), "", "", "")], str, str)  # fmt: skip
    low, middle, high = (bar.at for bar in chart.bars)
    assert chart.log
    assert low is not None
    assert middle is not None
    assert high is not None
    assert middle - low == pytest.approx(high - middle, abs=0.2)
    linear = strip("x", [("a", 0, spread(2.0, 0), "", "", ""), ("b", 1, spread(4.0, 0), "", "", "")], str, str)
    assert linear.from_zero
    assert linear.bars[1].at == pytest.approx(2 * (linear.bars[0].at or 0), abs=2)


def test_every_curve_can_be_seen_in_both_schemes() -> None:
    folder = Path(joined.__file__).parents[1] / "page"
    for ground, curves in zip(
        schemes((folder / "page.css").read_text()), schemes((folder / "joined.css").read_text()), strict=True
    ):
        assert len(curves) == len(set(curves.values())) == 8
        for name, colour in curves.items():
            assert contrast(ground["paper"], colour) >= 4.0, name  # WCAG 2.2, 1.4.11, wants 3 of what is no text
