"""Runs a recipe against its lock, compares it with another commit's, and comments on the pull request.

Everything is told by the environment: RECIPE, STORE, BASE (a commit; empty: nothing is compared), PULL_REQUEST (a
number; empty: no comment), and what GitHub sets (GITHUB_REPOSITORY, GITHUB_OUTPUT, GITHUB_STEP_SUMMARY). It ends as the
run did: with 5 where the run is not what the lock says. A base that cannot be run is told in the comment, and is no
failure of the change.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any, Dict, Iterator, List, Optional, Tuple

Document = Dict[str, Any]

#: The exit code of a run that is not what its lock says.
OUT_OF_DATE = 5

#: Metrics of the table; the others are in the report.
MOST_ROWS = 40


def main() -> int:
    recipe = os.environ["RECIPE"]
    store = pathlib.Path(os.environ.get("STORE") or ".pipeline").resolve()
    locked = pathlib.Path(recipe).with_suffix(".lock").is_file()
    code, run, told = run_recipe(recipe, store, locked, cwd=None)
    parts = [f"<!-- {marker(recipe)} -->", f"### `{recipe}`: {verdict(code, locked)}"]
    if code != 0:
        parts.append(fenced(told))
    base = os.environ.get("BASE", "")
    if run is None and code == OUT_OF_DATE and base:
        # Nothing ran, because the lock is of other settings. What the change gives is asked for all the same.
        _, run, _ = run_recipe(recipe, store, False, cwd=None)
    if run is not None and base:
        parts.append(comparison(recipe, store, base, run))
    text = "\n\n".join(parts) + "\n"
    append("GITHUB_STEP_SUMMARY", text)
    append("GITHUB_OUTPUT", f"status={'done' if code == 0 else 'failed'}\nexit-code={code}\n")
    number = os.environ.get("PULL_REQUEST", "")
    if number:
        comment(number, marker(recipe), text)
    print(text)
    return code


def run_recipe(
    recipe: str, store: pathlib.Path, locked: bool, cwd: Optional[pathlib.Path]
) -> Tuple[int, Optional[Document], str]:
    """Exit code, document and messages of a run."""
    words = ["pipeline", "run", recipe, "--store", str(store), "--format", "json", "--quiet"]
    ended = subprocess.run([*words, *["--locked"] * locked], cwd=cwd, capture_output=True, text=True)
    return ended.returncode, document(ended.stdout), ended.stderr.strip()


def document(output: str) -> Optional[Document]:
    return json.loads(output) if output.strip() else None


def verdict(code: int, locked: bool) -> str:
    if code == 0:
        return "as its lock says" if locked else "done; there is no lock (`pipeline lock` writes one)"
    return {OUT_OF_DATE: "not what its lock says", 3: "a stage failed", 4: "an import failed its audit"}.get(
        code, f"ended with {code}"
    )


def comparison(recipe: str, store: pathlib.Path, base: str, run: Document) -> str:
    """In what the run differs from that of the base, as Markdown."""
    name = base[:12]
    with worktree(base) as folder:
        if folder is None or not (folder / recipe).is_file():
            return f"There is no `{recipe}` in {name}: nothing to compare with."
        code, other, told = run_recipe(recipe, store, False, cwd=folder)
    if code != 0 or other is None:
        return f"The recipe of {name} does not run, and nothing is compared.\n\n{fenced(told)}"
    words = ["pipeline", "compare", other["run"], run["run"], "--store", str(store), "--format", "json"]
    compared = subprocess.run(words, capture_output=True, text=True)
    found = document(compared.stdout)
    if found is None:
        return f"The runs cannot be compared.\n\n{fenced(compared.stderr)}"
    return markdown(found, name)


@contextlib.contextmanager
def worktree(commit: str) -> Iterator[Optional[pathlib.Path]]:
    """The files of a commit; none if it is not there."""
    with tempfile.TemporaryDirectory() as above:
        folder = pathlib.Path(above, "base")
        added = subprocess.run(
            ["git", "worktree", "add", "--detach", str(folder), commit], capture_output=True, text=True
        )
        if added.returncode != 0:
            print(added.stderr, file=sys.stderr)
            yield None
            return
        try:
            yield folder
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(folder)], check=False)


def markdown(compared: Document, base: str) -> str:
    """What `pipeline compare` says of two runs: the recipes' values, and the metrics that differ."""
    lines: List[str] = []
    if compared["recipe"]:
        lines += [f"| setting | {base} | this change |", "|---|---|---|"]
        for value in compared["recipe"][:MOST_ROWS]:
            before, after = value["values"]
            lines.append(f"| {cell(value['path'])} | {cell(shown(before))} | {cell(shown(after))} |")
        lines.append("")
    changed = [row for row in compared["metrics"] if row["values"][0] != row["values"][1]]
    if not changed:
        return "\n".join([*lines, f"No metric differs from {base}."])
    lines += [f"| metric | {base} | this change | difference |", "|---|---:|---:|---:|"]
    for row in changed[:MOST_ROWS]:
        before, after = row["values"]
        where = f"{row['stage']} {row['metric']}"
        lines.append(f"| {cell(where)} | {shown(before)} | {shown(after)} | {difference(row)} |")
    if len(changed) > MOST_ROWS:
        lines.append(f"\n{len(changed) - MOST_ROWS} more metrics differ.")
    return "\n".join(lines)


def difference(row: Document) -> str:
    """With the interval of paired resamples, where the same stays were scored."""
    paired = row["differences"][1]
    if paired is not None:
        interval = paired.get("interval")
        text = f"{paired['difference']:+.4f}"
        return text if interval is None else f"{text} ({interval['lower']:+.4f} to {interval['upper']:+.4f})"
    before, after = row["values"]
    both = [value for value in (before, after) if isinstance(value, (int, float)) and not isinstance(value, bool)]
    return f"{after - before:+.4g}" if len(both) == 2 else ""


def shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if isinstance(value, float) else str(value) if isinstance(value, str) else json.dumps(value)


def cell(text: str) -> str:
    """A text of others inside a cell of a table: code, which neither ends the cell nor links nor mentions anybody."""
    plain = text.replace("`", "'").replace("|", "\\|").replace("\n", " ")
    return f"`{plain}`"


def fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text[:4000]}\n{fence}"


def marker(recipe: str) -> str:
    """What tells the comment of a recipe from all others."""
    return f"pipeline: {recipe.replace('--', '- -')}"


def comment(number: str, mark: str, text: str) -> None:
    """Writes the comment, or writes it anew where there is one."""
    repository = os.environ["GITHUB_REPOSITORY"]
    comments = f"repos/{repository}/issues/{number}/comments"
    listed = gh(["--paginate", comments, "--jq", ".[] | {id, body} | @json"], None)
    rows = [json.loads(line) for line in listed.splitlines() if line.strip()]
    own = [row["id"] for row in rows if row["body"].startswith(f"<!-- {mark} -->")]
    body = json.dumps({"body": text})
    if own:
        gh(["--method", "PATCH", f"repos/{repository}/issues/comments/{own[0]}", "--input", "-"], body)
    else:
        gh(["--method", "POST", comments, "--input", "-"], body)


def gh(words: List[str], body: Optional[str]) -> str:
    ended = subprocess.run(["gh", "api", *words], input=body, capture_output=True, text=True)
    if ended.returncode != 0:
        # A pull request of a fork may not be commented on: the summary of the job has the text.
        print(f"::warning::the pull request has no comment: {ended.stderr.strip()}", file=sys.stderr)
    return ended.stdout


def append(variable: str, text: str) -> None:
    path = os.environ.get(variable)
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    sys.exit(main())
