"""The package against the program: PIPELINE_EXECUTABLE, or the one that is installed."""

import contextlib
import importlib.util
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import pretrain_finetune as pf

SMALL = {"vars.stays": 60, "stages.pretrain.epochs": 1}


def has(*packages: str) -> bool:
    return all(importlib.util.find_spec(package) is not None for package in packages)


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.before = os.getcwd()
        os.chdir(cls.folder.name)
        cls.run_ = pf.run("finetune", set=SMALL, progress=False)

    @classmethod
    def tearDownClass(cls) -> None:
        os.chdir(cls.before)
        cls.folder.cleanup()

    def test_a_run_is_typed_and_cached_the_second_time(self) -> None:
        self.assertEqual(self.run_.status, "done")
        auroc = self.run_["test"].metrics["auroc"]
        self.assertTrue(0 <= auroc <= 1)
        again = pf.run("finetune", "test", set=SMALL, progress=False)
        self.assertEqual({stage.status for stage in again.stages}, {"cached"})
        self.assertEqual(again["test"].outputs, self.run_["test"].outputs)
        with self.assertRaisesRegex(KeyError, "there is no stage `x`; there are events"):
            self.run_["x"]
        self.assertIn("<td>classifier</td>", self.run_._repr_html_())

    def test_progress_is_shown_where_python_writes(self) -> None:
        shown = io.StringIO()
        with contextlib.redirect_stderr(shown):
            pf.run("finetune", "events", set={"vars.stays": 50}, jobs=1)
        self.assertIn("events: executed", shown.getvalue())

    def test_a_plan_says_what_would_run(self) -> None:
        self.assertTrue(pf.plan("finetune", set=SMALL).is_up_to_date)
        more = pf.plan("finetune", set={**SMALL, "stages.pretrain.epochs": 2})
        self.assertEqual(more["pretrain"].status, "run")
        self.assertIn("stages.pretrain.epochs", more["pretrain"].reasons[0])

    def test_outputs_are_loaded_by_their_contents(self) -> None:
        outputs = pf.outputs("finetune", set=SMALL)
        metrics = outputs["test"]["metrics"].load()
        self.assertEqual(metrics["auroc"], self.run_["test"].metrics["auroc"])
        with self.assertRaisesRegex(ValueError, "not as 'torch'"):
            outputs["test"]["metrics"].load(as_="torch")
        stays = outputs["events"]["stays"]
        if has("pyarrow"):
            self.assertEqual(stays.load().num_rows, 60)
        else:
            with self.assertRaisesRegex(ImportError, r"pretrain-finetune\[parquet\]"):
                stays.load()
        if has("pyarrow", "pandas"):
            self.assertIn("stay_id", stays.load(as_="pandas").columns)
        if has("safetensors", "numpy"):
            weights = outputs["classifier"]["weights"].load()
            self.assertIn("cls_head.weight", weights)
        with self.assertRaises(pf.OutOfDateError):
            pf.outputs("finetune", set={"vars.stays": 61})

    def test_a_report_is_shown_in_a_frame(self) -> None:
        report = pf.report("finetune", "page.html", set=SMALL)
        self.assertTrue(report.html().startswith("<!DOCTYPE html>"))
        self.assertTrue(report._repr_html_().startswith("<iframe srcdoc="))
        self.assertNotIn("<!DOCTYPE", report._repr_html_(), "escaped")
        self.assertIn("test", report.shown)

    def test_errors_have_the_program_s_text(self) -> None:
        recipe = pathlib.Path("bad.toml")
        recipe.write_text("format = 1\nextends = ['finetune']\n[stages.pretrain]\nepoch = 2\n")
        with self.assertRaises(pf.RecipeError) as refused:
            pf.run(recipe, progress=False)
        program = subprocess.run([pf.executable(), "check", recipe], capture_output=True, text=True)
        self.assertEqual(program.stderr.strip(), f"error: {refused.exception}")
        self.assertEqual(refused.exception.exit_code, 2)
        self.assertIsNone(refused.exception.record)

    def test_a_failed_run_is_in_its_error(self) -> None:
        recipe = pathlib.Path("fails.toml")
        recipe.write_text(
            "format = 1\nextends = ['finetune']\n[stages.fails]\nkind = 'command'\n"
            "run = ['/bin/false']\noutputs = { x = 'x' }\n"
        )
        with self.assertRaises(pf.StageError) as failed:
            pf.run(recipe, "fails", progress=False)
        self.assertEqual(failed.exception.record["fails"].status, "failed")
        self.assertIn("stage `fails`", str(failed.exception))

    def test_a_sweep_has_settings_and_variants(self) -> None:
        recipe = pathlib.Path("sweep.toml")
        recipe.write_text(
            "format = 1\nextends = ['finetune']\n[sweep]\n"
            "objective = { stage = 'classifier', metric = 'validation_auroc', direction = 'maximize' }\n"
            "[sweep.grid]\n'stages.classifier.optimizer.penalties' = [[1.0], [10.0]]\n"
        )
        sweep = pf.sweep(recipe, set=SMALL, progress=False)
        self.assertEqual([variant.status for variant in sweep.variants], ["done", "done"])
        self.assertEqual(sweep.counts.executed["finetune"], 2)
        self.assertEqual(len(sweep.settings), 2)
        self.assertIn("<table>", sweep._repr_html_())

    def test_a_bundle_predicts(self) -> None:
        made = [pf.executable(), "bundle", "finetune", "classifier", "bundle", "--quiet"]
        made += ["--set", "vars.stays=60", "--set", "stages.pretrain.epochs=1"]
        subprocess.run(made, check=True, capture_output=True)
        pathlib.Path("source.toml").write_text('format = 1\n[source]\nformat = "synthetic"\nstays = 5\n')
        prediction = pf.predict("bundle", "source.toml", "predicted.csv", progress=False)
        self.assertEqual(prediction.stays, 5)
        self.assertIn("probability", prediction.load().splitlines()[0])

    def test_the_module_is_the_program(self) -> None:
        both = [[pf.executable(), "--version"], [sys.executable, "-m", "pretrain_finetune", "--version"]]
        package = pathlib.Path(pf.__file__).resolve().parents[1]
        env = {**os.environ, "PYTHONPATH": str(package)}
        one, other = (subprocess.run(words, capture_output=True, text=True, env=env).stdout for words in both)
        self.assertEqual(one, other)


if __name__ == "__main__":
    unittest.main()
