"""The action's script in a made-up repository, with a made-up `gh`: PIPELINE_EXECUTABLE is the program."""

import json
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).with_name("reproduce.py")

RECIPE = """\
format = 1
name = "study"
extends = ["finetune"]

[vars]
stays = 80

[stages.pretrain]
epochs = 1

[stages.classifier]
optimizer = { kind = "lbfgs", penalties = [1.0] }
"""

#: Comments lie in a file as GitHub keeps them.
GH = """\
#!{python}
import json, pathlib, sys
comments = pathlib.Path({comments!r})
kept = json.loads(comments.read_text()) if comments.exists() else []
words = sys.argv[1:]
assert words[0] == "api", words
if "--method" not in words:
    for row in kept:
        print(json.dumps(row))
elif "POST" in words:
    kept.append({{"id": len(kept) + 1, "body": json.load(sys.stdin)["body"]}})
else:
    (row,) = [row for row in kept if any(word.endswith(f"/comments/{{row['id']}}") for word in words)]
    row["body"] = json.load(sys.stdin)["body"]
comments.write_text(json.dumps(kept))
"""


class Action(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = pathlib.Path(folder.name)
        self.repository = self.top / "repository"
        self.repository.mkdir()
        programs = self.top / "bin"
        programs.mkdir()
        (programs / "pipeline").symlink_to(os.environ["PIPELINE_EXECUTABLE"])
        gh = programs / "gh"
        self.comments = self.top / "comments.json"
        gh.write_text(GH.format(python=sys.executable, comments=str(self.comments)))
        gh.chmod(gh.stat().st_mode | stat.S_IXUSR)
        self.env = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "RECIPE": "recipe.toml",
            "STORE": str(self.top / "store"),
            "PULL_REQUEST": "7",
            "GITHUB_REPOSITORY": "a/b",
            "GITHUB_OUTPUT": str(self.top / "output"),
            "GITHUB_STEP_SUMMARY": str(self.top / "summary.md"),
        }
        self.git("init", "--quiet", "--initial-branch", "main")
        self.recipe(RECIPE)
        self.pipeline("run", "recipe.toml", "--quiet")
        self.pipeline("lock", "recipe.toml")
        self.base = self.commit("The study and its lock")

    def git(self, *words: str) -> str:
        names = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        done = subprocess.run(["git", *names, *words], cwd=self.repository, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def pipeline(self, *words: str) -> None:
        store = ["--store", self.env["STORE"]]
        program = os.environ["PIPELINE_EXECUTABLE"]
        subprocess.run([program, *words, *store], cwd=self.repository, check=True, capture_output=True)

    def recipe(self, text: str) -> None:
        (self.repository / "recipe.toml").write_text(text)

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def act(self, **env: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, str(SCRIPT)],
            cwd=self.repository,
            env={**self.env, "BASE": self.base, **env},
            capture_output=True,
            text=True,
        )

    def body(self) -> str:
        (only,) = json.loads(self.comments.read_text())
        return only["body"]

    def test_a_change_that_changes_nothing_is_as_its_lock_says(self) -> None:
        (self.repository / "notes.md").write_text("x")
        self.commit("Notes")
        done = self.act()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("### `recipe.toml`: as its lock says", self.body())
        self.assertIn(f"No metric differs from {self.base[:12]}.", self.body())
        self.assertEqual((self.top / "output").read_text(), "status=done\nexit-code=0\n")
        self.assertEqual((self.top / "summary.md").read_text(), self.body())
        self.assertEqual(self.git("worktree", "list").count("\n"), 0, "the base's files are gone")

    def test_a_change_without_its_lock_fails_with_the_reason(self) -> None:
        self.recipe(RECIPE.replace("[1.0]", "[1000.0]"))
        self.commit("A stronger penalty")
        done = self.act()
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("### `recipe.toml`: not what its lock says", self.body())
        self.assertIn("stage `classifier` has other settings", self.body())
        self.assertIn("| `stages.classifier.optimizer.penalties` | `[1.0]` | `[1000.0]` |", self.body())
        self.assertIn("exit-code=5\n", (self.top / "output").read_text())

    def test_metrics_of_a_locked_change_are_compared_with_the_base(self) -> None:
        self.recipe(RECIPE.replace("[1.0]", "[1000.0]"))
        self.pipeline("run", "recipe.toml", "--quiet")
        self.pipeline("lock", "recipe.toml")
        self.commit("A stronger penalty and its lock")
        done = self.act()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("| `stages.classifier.optimizer.penalties` | `[1.0]` | `[1000.0]` |", self.body())
        self.assertRegex(self.body(), r"\| `test brier` \| 0\.\d{4} \| 0\.\d{4} \| [+-]0\.\d{4} \([+-]")
        # The same comment again, and no second one.
        self.act()
        self.assertIn("test brier", self.body())

    def test_a_base_without_the_recipe_is_told(self) -> None:
        self.git("mv", "recipe.toml", "study.toml")
        self.git("rm", "--quiet", "recipe.lock")
        self.commit("Another name")
        done = self.act(RECIPE="study.toml", PULL_REQUEST="")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("There is no `study.toml` in", done.stdout)
        self.assertIn("there is no lock", done.stdout)
        self.assertFalse(self.comments.exists())

    def test_names_of_others_do_not_leave_their_cell(self) -> None:
        sys.path.insert(0, str(SCRIPT.parent))
        self.addCleanup(sys.path.remove, str(SCRIPT.parent))
        import reproduce

        self.assertEqual(reproduce.cell("a|b`@x\ny"), "`a\\|b'@x y`")
        self.assertTrue(reproduce.fenced("a```b").startswith("````\n"))


if __name__ == "__main__":
    unittest.main()
