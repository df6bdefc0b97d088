"""The joined page as a browser shows it: on a phone and a desk, light and dark, with scripts and without."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from suite.report.joined.page import render
from suite.report.joined.reading import read
from tests.report.joined_samples import SERVERS, WORKLOADS, bench, check, claims, save
from tests.report.pages import Page, browse, contrast

FEW = {name: SERVERS[name] for name in ("uvloop-protocol", "raw-epoll", "raw-select", "trio")} | {
    "/a/server with a long name/that goes on --and=on --and=on --port {port}": 30.0
}

SEEN = """
  const page = frame.contentDocument, root = page.documentElement, view = frame.contentWindow;
  const paint = (where, what) => {
    const found = page.querySelector(where);
    return found && view.getComputedStyle(found)[what];
  };
  return {
    client: root.clientWidth, scroll: root.scrollWidth,
    wide: [...page.querySelectorAll("body *")].filter((one) => {
      const box = one.getBoundingClientRect();
      return box.width && box.right > root.clientWidth + 1 && !one.closest(".scroll, .unseen, .skip");
    }).map((one) => `${one.tagName} ${one.className} ${one.textContent.slice(0, 40)}`),
    paper: paint("body", "backgroundColor"), ink: paint("body", "color"),
    label: paint("figure svg text", "fill"), line: paint("figure svg .s .line", "stroke"), dot: paint(".strip .t b", "backgroundColor"),
    font: page.querySelector("figure svg text").getBoundingClientRect().height,
    hidden: [...page.querySelectorAll("form, .scripted")].map((one) => one.hidden),
    sections: [...page.querySelectorAll("section")].filter((one) => one.getBoundingClientRect().height > 50).map((one) => one.id),
  };
"""

WORK = """
  const page = frame.contentDocument, table = page.getElementById("rows");
  const names = () => [...table.tBodies[0].rows].slice(1).filter((row) => !row.hidden).map((row) => row.cells[0].firstChild.textContent.trim());
  const press = (at) => { table.tHead.rows[0].cells[at].querySelector("button").click(); return names(); };
  const out = {byCost: press(7), byCostDown: press(7), byName: press(0), byRate: press(1), sort: table.tHead.rows[0].cells[1].ariaSort};
  const form = page.getElementById("rows-filter");
  form.elements.text.value = "RAW-";
  form.elements.workload.value = "1";
  form.dispatchEvent(new Event("input"));
  out.found = [...table.tBodies].filter((body) => !body.hidden).map((body) => body.dataset.w);
  out.told = form.querySelector("output").value;
  const figure = page.querySelector("#bench figure"), key = figure.querySelector(".keys button");
  key.click();
  out.chosen = [figure.classList.contains("chosen"), key.getAttribute("aria-pressed"), figure.querySelectorAll("svg .on").length];
  key.click();
  out.again = figure.classList.contains("chosen");
  return out;
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a page of everything, and the same with all that can be opened open."""
    place = tmp_path_factory.mktemp("browser")
    paths = [
        save(place / f"{kind}.json", report)
        for kind, report in (("check", check()), ("bench", bench(FEW, WORKLOADS)), ("claims", claims()))
    ]
    page = render(read(*paths))
    (place / "page.html").write_text(page)
    (place / "open.html").write_text(
        re.sub(r"<details(?! open)", "<details open", page).replace("<details open open", "<details open")
    )
    return place  # fmt: skip


def frames(folder: Path, shown: list[tuple[int, str, str]], look: str, *flags: str) -> Iterator[Any]:
    """Show pages in frames (width, sandbox, page); return what `look` finds in each."""
    elements = "".join(
        f'<iframe width="{width}" height="800" {box} src="{page}"></iframe>' for width, box, page in shown
    )
    (folder / "outer.html").write_text(f"""
        <!doctype html><title>outer</title><meta name="color-scheme" content="light dark">{elements}
        <script>
        onload = () => {{
          const look = (frame) => {{ {look} }};
          document.body.title = JSON.stringify([...document.querySelectorAll("iframe")].map(look));
        }};
        </script>
    """)
    seen = browse(folder, *flags, "--dump-dom", (folder / "outer.html").as_uri())
    (body,) = Page(seen.decode()).every("body")
    yield from json.loads(body["title"] or "[]")


STILL = 'sandbox="allow-same-origin"'
SHOWN = [(360, STILL, "page.html"), (360, STILL, "open.html"), (360, "", "page.html"), (820, STILL, "open.html"), (1280, "", "open.html")]  # fmt: skip


@pytest.mark.parametrize(("scheme", "flags"), [("light", ()), ("dark", ("--blink-settings=preferredColorScheme=0",))])
def test_it_fits_and_can_be_read(scheme: str, flags: tuple[str, ...], folder: Path) -> None:
    for (width, box, _), seen in zip(SHOWN, frames(folder, SHOWN, SEEN, *flags), strict=True):
        assert (seen["client"], seen["scroll"]) == (width, width)
        assert seen["wide"] == []
        assert seen["sections"] == ["", "conformance", "claims", "bench", "methods"]
        assert seen["hidden"] == [bool(box)] * 2
        assert seen["font"] >= 9  # pixels of a label in a curve
        paper, ink = rgb(seen["paper"]), rgb(seen["ink"])
        assert (contrast("#000000", paper) < 2) is (scheme == "dark")
        assert contrast(paper, ink) >= 7
        for what, least in (("label", 4.5), ("line", 3), ("dot", 3)):
            assert contrast(paper, rgb(seen[what])) >= least, what


def rgb(painted: str) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", painted)[:3])


def test_rows_are_sorted_and_filtered_and_a_line_stands_out(folder: Path) -> None:
    (seen,) = frames(folder, [(1280, "", "page.html")], WORK)
    slow = "/a/server with a long…-port {port}"
    by_cost = ["raw-epoll", "raw-select", "uvloop-protocol", "trio", slow]
    assert set(seen["byCost"]) == set(by_cost)
    assert seen["byCost"][-2:] == by_cost[-2:]
    assert seen["byCostDown"] == seen["byCost"][::-1]
    assert seen["byName"] == sorted(by_cost)
    assert (seen["byRate"][-2:], seen["sort"]) == (by_cost[-2:], "descending")
    assert seen["found"] == ["1"]
    assert seen["told"] == "2 of 45 rows"
    assert seen["chosen"] == [True, "true", 1]
    assert seen["again"] is False


def test_paper_shows_what_is_folded(folder: Path) -> None:
    pages = []
    for name in ("page", "open"):
        browse(folder, f"--print-to-pdf={folder / name}.pdf", (folder / f"{name}.html").as_uri())
        pages.append(len(re.findall(rb"/Type /Page\b", (folder / f"{name}.pdf").read_bytes())))
    assert pages[0] >= pages[1] - 1 >= 3  # it may break elsewhere
