"""The template engine of the pages: escapes everything, shows what is unprintable, and knows no undefined name."""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from suite.report.words import visible

__all__ = ("engine",)


def engine() -> Environment:
    """Return an engine for the templates in `page/`."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.filters["links"] = _links
    return made


def _shown(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _links(text: str) -> Markup:
    """Make links of the addresses in a text of ours."""
    pieces = re.split(r"(https?://[^\s,;()]*[^\s,;().])", text)
    return Markup("").join(
        Markup('<a href="{0}" rel="noreferrer">{0}</a>').format(piece) if at % 2 else escape(piece)
        for at, piece in enumerate(pieces)
    )
