"""Check a built site: its links lead to pages and headings that exist, and it loads nothing from the network.

python docs/check_site.py build/docs
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The ids of a page, the targets of its links, and the addresses that a browser loads with it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what one tag defines, links to and loads."""
        for name, value in attrs:
            if not value:
                continue
            if name == "id":
                self.ids.add(value)
            elif name == "href" and tag == "a":
                self.links.append(value)
            elif name in ("src", "href", "poster", "data"):
                self.loaded.append(value)


def find_faults(folder: Path) -> list[str]:
    """Return a line for each fault of the pages and style sheets in a folder."""
    pages = {path.resolve(): Page(path.read_text("utf-8")) for path in sorted(folder.rglob("*.html"))}
    faults = []
    for path, page in pages.items():
        for link in page.links + page.loaded:
            split = urlsplit(link)
            is_remote = bool(split.scheme or split.netloc)
            if is_remote and link in page.loaded and split.scheme != "data":
                faults.append(f"{path.name}: loads {link}")
            if is_remote:
                continue
            target = (path.parent / unquote(split.path)).resolve() if split.path else path
            fragment = unquote(split.fragment)
            if not target.is_file():
                faults.append(f"{path.name}: there is no {link}")
            elif fragment and target in pages and fragment not in pages[target].ids:
                faults.append(f"{path.name}: {link} has no such heading")
    for path in sorted(folder.rglob("*.css")):
        for address in re.findall(
            r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")]*)", path.read_text("utf-8")
        ):
            faults.append(f"{path.name}: loads {address}")
    return faults


if __name__ == "__main__":
    found = find_faults(Path(sys.argv[1]))
    print("\n".join(found) or "every link of the site works, and nothing is loaded from the network")
    sys.exit(bool(found))
