"""The snippets of docs/python.md run, in order, and the notebook runs to its end."""

import importlib.util
import os
import pathlib
import re
import tempfile
import unittest

DOCS = pathlib.Path(__file__).parents[2] / "docs"


class Documents(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        before = os.getcwd()
        os.chdir(folder.name)
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, before)

    def test_the_snippets_run(self) -> None:
        missing = [name for name in ("pyarrow", "pandas", "safetensors") if importlib.util.find_spec(name) is None]
        if missing:
            self.skipTest(f"the snippets need {', '.join(missing)}")
        page = (DOCS / "python.md").read_text(encoding="utf-8")
        snippets = list(re.finditer(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE))
        self.assertGreater(len(snippets), 4)
        names: dict = {}
        for snippet in snippets:
            line = page[: snippet.start(1)].count("\n")
            code = compile("\n" * line + snippet.group(1), str(DOCS / "python.md"), "exec")
            exec(code, names)

    def test_the_notebook_runs(self) -> None:
        if importlib.util.find_spec("nbclient") is None or importlib.util.find_spec("ipykernel") is None:
            self.skipTest("there is no jupyter (nbclient, ipykernel): docs/first-steps.ipynb is not executed")
        import nbformat
        from nbclient import NotebookClient

        notebook = nbformat.read(DOCS / "first-steps.ipynb", as_version=4)
        NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        shown = [output["data"].get("text/html", "") for output in outputs if "data" in output]
        self.assertTrue(any("<iframe" in html for html in shown), "the report is shown")
        self.assertTrue(any("<table>" in html for html in shown), "the run is shown")


if __name__ == "__main__":
    unittest.main()
