"""The page: complete and harmless by its markup alone, and as a browser shows it."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from suite.events import Event
from suite.report import html as module
from suite.report.html import HtmlReport
from tests.report.pages import Page, browse, contrast, schemes
from tests.report.samples import ABOUT, BAD, FAILED, FAMILIES, FEW, GONE, HOSTILE, PASSED, run_of

VISIBLE = (
    HOSTILE.replace("\x1b", r"\x1b").replace("\x00", r"\x00").replace("\u202e", r"\u202e").replace("\udc80", r"\udc80")
)


def write(path: Path, events: Sequence[Event], counted: frozenset[str] = frozenset()) -> str:
    again = {BAD.target: lambda check: f"suite check --only {check} -- './bad <b>server</b>' {{port}}"}
    report = HtmlReport(path, FAMILIES, ABOUT, counted=counted, again=again)
    for event in events:
        report(event)
    return path.read_text(encoding="utf-8")


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Write the page of the sample run."""
    write(tmp_path / "r.html", run_of(BAD, FEW, GONE, exit_code=1))
    return tmp_path / "r.html"


def test_everything_is_told(page: Path) -> None:
    text = re.sub(r"\s+", " ", Page(page.read_text()).text)
    for piece in (
        "1 of 3 targets conforms", "echo service", "seed 42", "exit code 1",
        "✕ FAIL 19/20", "hc-one", "It comes back.", "RFC 9293", "a known bug", 'send 0 {"hex": "00"}', "pause 5",
        "Failed 19 of 20 runs", "client 1, offset 10", "08 09 0a 0b", "08 09 41 ··", "client 1 RST",
        "1.50 client 0 fin", "canary refused", "premise fin-with-data reached 7 times", "declares max-clients=1",
        "premise never reached: stall", "needs 2 clients at once", "connection refused", "nothing, not thanks",
        "suite replay out/hc-one.json or python3 out/hc-one.py HOST PORT or printf x | nc -N {host} {port}",
        "suite check --only hc-one -- './bad <b>server</b>' {port}",
    ):  # fmt: skip
        assert piece in text, piece


def test_what_a_server_said_is_text_and_nothing_else(page: Path) -> None:
    raw = page.read_text()
    parsed = Page(raw)
    assert len(parsed.every("script")) == 1
    assert parsed.every("b", "server") == []
    assert parsed.text.count(VISIBLE) >= 3  # gist, actual, timeline
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", raw)
    assert "</failure>" not in raw


def test_nothing_is_fetched_and_every_link_leads_somewhere(page: Path) -> None:
    parsed = Page(page.read_text())
    ids = Counter(attrs["id"] for _, attrs in parsed.tags if "id" in attrs)
    assert [name for name, count in ids.items() if count > 1] == []
    links = [attrs["href"] or "" for attrs in parsed.every("a")]
    assert {link for link in links if not link.startswith("#")} == {"https://example.org/issues/1"}
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert [tag for tag, attrs in parsed.tags if {"src", "srcset", "data", "action"} & set(attrs)] == []
    assert [attrs["href"] for attrs in parsed.every("link")] == ["data:,"]
    (policy,) = (attrs["content"] for attrs in parsed.every("meta") if "http-equiv" in attrs)
    assert (policy or "").startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("events", "kind", "says"),
    [
        (run_of(BAD), "", "bad &lt;b&gt;server&lt;/b&gt; does not conform"),
        (run_of(GONE), "", "h:7 has no verdict"),
        (run_of(FEW, FEW, exit_code=0), "", "All 2 targets conform"),
        (run_of(FEW, exit_code=0)[:-2] + run_of(BAD, kind="peer", exit_code=0)[1:], "own", "not counted"),
        (run_of(FEW, interrupted=True, exit_code=130), "", "Interrupted"),
        (run_of(interrupted=True, exit_code=130), "", "Nothing ran"),
    ],
)
def test_the_title_says_what_came_of_it(events: list[Event], kind: str, says: str, tmp_path: Path) -> None:
    page = write(tmp_path / "r.html", events, frozenset({kind} - {""}))
    assert says in page
    Page(page)


def test_a_baseline_is_shown(tmp_path: Path) -> None:
    expected = replace(BAD, verdict="conforming", checks=(PASSED, replace(FAILED, excused="until 2030-01-01: issue 1")))
    page = write(tmp_path / "r.html", run_of(expected, FEW, stale=("hc-soft: it passed",)))
    text = Page(page).text
    assert "Expected until 2030-01-01: issue 1; it counts for nothing." in text
    assert "Baseline: hc-soft: it passed" in text
    assert "Expected to fail" in text


def test_every_colour_can_be_read_in_both_schemes() -> None:
    style = (Path(module.__file__).parent / "page" / "page.css").read_text()
    light, dark = schemes(style)
    assert set(light) == set(dark) >= {verdict.lower() for verdict in module.MARKS}
    for colours in (light, dark):
        for ground in ("paper", "raised"):
            for name in set(colours) - {"paper", "raised", "line", "mark"}:
                assert contrast(colours[ground], colours[name]) >= 4.5, (name, ground)


def test_paper_cannot_be_opened_so_it_shows_all(tmp_path: Path) -> None:
    closed = write(tmp_path / "closed.html", run_of(*[BAD] * 6, exit_code=1))
    assert "<details" in closed
    (tmp_path / "open.html").write_text(closed.replace("<details", "<details open"))
    pages = []
    for name in ("closed", "open"):
        browse(tmp_path, f"--print-to-pdf={tmp_path / name}.pdf", (tmp_path / f"{name}.html").as_uri())
        pages.append(len(re.findall(rb"/Type /Page\b", (tmp_path / f"{name}.pdf").read_bytes())))
    assert pages[0] >= pages[1] >= 3  # it may break elsewhere


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    """Show a page in frames of headless Chromium; return what becomes of it, by fragment, "phone" without scripts."""
    folder = tmp_path_factory.mktemp("browser")
    write(folder / "r.html", run_of(BAD, FEW, GONE, exit_code=1))
    # On a phone everything is opened, to see that it fits. In its sandbox no script runs.
    (folder / "phone.html").write_text((folder / "r.html").read_text().replace("<details", "<details open"))
    (folder / "outer.html").write_text(f"""
        <!doctype html><title>outer</title>
        <iframe width="390" height="844" sandbox="allow-same-origin" src="phone.html"></iframe>
        <iframe width="1280" height="844" src="r.html{FILTER}"></iframe>
        <iframe width="1280" height="844" src="r.html{LINK}"></iframe>
        <script>
        onload = () => {{
          document.body.title = JSON.stringify([...document.querySelectorAll("iframe")].map((frame) => {{
            const page = frame.contentDocument.documentElement;
            return [page.outerHTML, page.clientWidth, page.scrollWidth];
          }}));
        }};
        </script>
    """)
    seen = browse(folder, "--dump-dom", (folder / "outer.html").as_uri())
    (body,) = Page(seen.decode()).every("body")
    pages = json.loads(body["title"] or "[]")
    assert [(client, scroll) for _, client, scroll in pages] == [(390, 390), (1280, 1280), (1280, 1280)]
    return {name: Page(text) for name, (text, _, _) in zip(("phone", FILTER, LINK), pages, strict=True)}


FILTER = "#verdict=FAIL&family=half-close&text=COMES%20back"
LINK = "#t0-hc-one"


def shown(rows: list[dict[str, str | None]], key: str) -> list[str]:
    return [(row[key] or "").split()[0] for row in rows if "hidden" not in row]


def test_a_filter_has_an_address(frames: dict[str, Page]) -> None:
    seen = frames[FILTER]
    assert shown(seen.every("tr", "check"), "data-text") == ["hc-one"]
    assert shown(seen.every("details", "finding"), "data-text") == ["hc-one"]
    assert shown(seen.every("section", "target"), "data-target") == ["bad"]
    assert "1 of 3 checks, 1 of 3 findings" in seen.text
    (form,) = seen.every("form")
    assert "hidden" not in form


def test_a_link_opens_what_it_leads_to(frames: dict[str, Page]) -> None:
    seen = frames[LINK]
    opened = [row for row in seen.every("details", "finding") if "open" in row]
    assert shown(opened, "data-text") == ["hc-one"]
    assert len(shown(seen.every("tr", "check"), "data-text")) == 3
    assert seen.text.lstrip().startswith("1 of 3 targets conforms")  # the title, which a server tried to take


def test_a_phone_without_scripts_shows_everything(frames: dict[str, Page]) -> None:
    seen = frames["phone"]
    assert len(shown(seen.every("tr", "check"), "data-text")) == 3
    assert len(shown(seen.every("details", "finding"), "data-text")) == 3
    (form,) = seen.every("form")
    assert "hidden" in form
