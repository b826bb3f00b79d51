"""A page taken apart for the tests: elements, attributes, and text by section."""

from html.parser import HTMLParser
from pathlib import Path

from emoloom.report.page import write_report

VOID = {"meta", "link", "br", "input"}
INLINE = {"bdi", "span", "b", "strong", "i", "a", "code"}


class Page(HTMLParser):
    """A page taken apart: elements, text by section, attributes; faults of nesting are errors."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, str] = {}
        self.scripts: list[str] = []
        self.data: dict[str, str] = {}
        self._open: list[str] = []
        self._section = "head"
        self.feed(source)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.append((tag, found))
        self._part(tag)
        if tag == "section":
            self._section = str(found["id"])
        if tag not in VOID and not self.get_starttag_text().endswith("/>"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        self._part(tag)
        if self._open and self._open[-1] == tag:
            self._open.pop()
            return
        raise AssertionError(f"</{tag}> closes {self._open[-3:]} at {self.getpos()}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def _part(self, tag: str) -> None:
        """Texts of two blocks are two words; texts of inline elements run on."""
        if tag not in INLINE and self._section in self.sections:
            self.sections[self._section] += " "

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            self.scripts.append(data)
            if name := self.elements[-1][1].get("id"):
                self.data[name] = data
        elif not self._open or self._open[-1] != "style":
            self.sections[self._section] = self.sections.get(self._section, "") + data

    def text(self, section: str) -> str:
        """A section's text with runs of white space made one space."""
        return " ".join(self.sections[section].split())


def page_of(run: Path) -> Page:
    """The page of a run folder, written and taken apart."""
    return Page(write_report(run).read_text(encoding="utf-8"))
