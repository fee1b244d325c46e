"""Lays the Markdown of the repository out as the pages of a site: stage.py PAGES REPORTS.

The pages of `docs` go to the folder PAGES as they are. `README.md` becomes the first page. Files that a page links to outside of
the pages, such as recipes and schemas, are copied below `files`; a link to a folder, or to code, becomes plain text. A page
of the gallery with a report in the folder REPORTS links it.
"""

import pathlib
import re
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# Pages beside `docs`, and their places on the site.
TOP = {ROOT / "README.md": "index.md", ROOT / "CONTRIBUTING.md": "CONTRIBUTING.md", ROOT / "CHANGELOG.md": "CHANGELOG.md"}
COPIED = {".toml", ".json", ".py", ".yaml", ".ipynb", ".svg", ".png", ".sh", ".csv"}
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def place(file):
    """Where a file of the repository lies on the site; none if it does not."""
    if file in TOP:
        return pathlib.PurePosixPath(TOP[file])
    if file.suffix == ".md":
        return pathlib.PurePosixPath(file.relative_to(DOCS).as_posix()) if DOCS in file.parents else None
    if file.is_file() and file.suffix in COPIED:
        return pathlib.PurePosixPath("files") / file.relative_to(ROOT).as_posix()
    return None


def relative(target, page):
    """The link from one page to a place."""
    ups = [".."] * (len(page.parts) - 1)
    return "/".join([*ups, *target.parts])


def staged(source, page, site):
    """The text of a page, its links as they are on the site."""

    def link(match):
        text, target = match.groups()
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:") or not path:
            return match.group(0)
        file = (source.parent / path).resolve()
        if file.is_dir() and (file / "README.md").is_file():
            file = file / "README.md"
        there = place(file)
        if there is None:
            return text
        if there.parts[0] == "files":
            (site / there).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, site / there)
        return f"[{text}]({relative(there, page)}{'#' + anchor if anchor else ''})"

    lines, is_code = [], False
    for line in source.read_text().split("\n"):
        is_fence = line.lstrip().startswith("```")
        is_code ^= is_fence
        # A file's name behind the language is for the tests.
        lines.append(re.sub(r"^```(\w+) .*", r"```\1", line) if is_fence else line if is_code else LINK.sub(link, line))
    return "\n".join(lines)


def with_report(text, page, site, reports):
    """The text of a page, with a link to the report of its name under `## Report`."""
    report = reports / f"{page.stem}.html"
    if page.parent.name != "gallery" or not report.is_file():
        return text
    there = site / page.parent / "reports" / report.name
    there.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(report, there)
    heading = "\n## Report\n"
    assert text.count(heading) == 1, f"{page} has no part on its report"
    return text.replace(heading, f"{heading}\n[**Open the report**](reports/{report.name}), made from synthetic or made-up data.\n")


def main():
    site, reports = map(pathlib.Path, sys.argv[1:])
    shutil.rmtree(site, ignore_errors=True)
    for source in [*sorted(DOCS.rglob("*.md")), *TOP]:
        page = place(source.resolve())
        out = site / page
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(with_report(staged(source.resolve(), page, site), page, site, reports))


main()
