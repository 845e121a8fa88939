#!/usr/bin/env python3
"""tools/compare_peers with a benchmark and peers that only say what they took: turns, disagreement, deaths, its files.

Usage: compare_peers_test.py PATH_OF_COMPARE_PEERS
"""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

SCRIPT = sys.argv[1]
sys.dont_write_bytecode = True
LOADER = importlib.machinery.SourceFileLoader("compare_peers", SCRIPT)
compare_peers = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare_peers", LOADER))
LOADER.exec_module(compare_peers)
compare_peers.PAUSE = 0.002

# Stands for backlight-bench and for the Python with the peers: every program logs its turns, and does what `plan` says.
FAKE = r'''#!/usr/bin/env python3
import array, json, os, pathlib, signal, sys
words = [word for word in sys.argv[1:] if not word.endswith("peer.py")]
option = dict(word[2:].split("=", 1) for word in words if word.startswith("--") and "=" in word)
here = pathlib.Path(__file__).parent
plan = json.loads((here / "plan.json").read_text())

def save(path, values):
    head = repr({"descr": "<f4", "fortran_order": False, "shape": (1, len(values))}).encode()
    pathlib.Path(path).write_bytes(b"\x93NUMPY\1\0" + len(head).to_bytes(2, "little") + head +
                                   array.array("f", values).tobytes())

if words[0] == "peak":
    sys.exit(print("200.0 GFLOP/s, 1.0 per second of processor time\n50.0 GB/s read"))
if words[0] == "versions":
    sys.exit(print(json.dumps({"torch": "9.9"})))
if words[0] == "prepare":
    pathlib.Path(words[2]).mkdir(parents=True, exist_ok=True)
    for job in option["jobs"].split(","):
        save(words[2] + f"/expected-{job}.npy", [0.0, 2.0])
    sys.exit()
peer, job = ("backlight", option["job"]) if words[0] == "network" else (words[1], words[3])
mine = plan.get(f"{peer} {job}", plan.get(peer, {}))
if "dies" in mine:
    sys.exit(mine["dies"])
def result():
    save(option["output"], mine.get("result", [0.0, 2.0] if job == "forward" else [-1.0, 2.0]))

cold = "--cold" in words
if not cold:
    result()
print("a library says something", flush=True)
print("ready", flush=True)
for count, _ in enumerate(sys.stdin):
    with open(here / "turns", "a") as log:
        log.write(f"{peer} {job}\n")
    if count == mine.get("stops"):
        sys.exit("out of memory")
    if count == mine.get("interrupts"):
        os.kill(os.getppid(), signal.SIGINT)
    if cold and count == 0:
        result()
    print(mine.get("ms", [10.0])[count % len(mine.get("ms", [10.0]))], flush=True)
'''


class ComparePeers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.fake = self.folder / "fake"
        self.fake.write_text(FAKE)
        self.fake.chmod(0o755)

    def run_it(self, plan, *options):
        """The exit code, the JSON (None without one), stderr."""
        (self.folder / "plan.json").write_text(json.dumps(plan))
        (self.folder / "turns").write_text("")
        out, err = io.StringIO(), io.StringIO()
        sys.argv = ["compare_peers", f"--bench={self.fake}", f"--python={self.fake}", f"--out={self.folder / 'out'}",
                    f"--work={self.folder / 'work'}", "--networks=resnet18", *options]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = compare_peers.main()
        facts = self.folder / "out/peers.json"
        self.page = out.getvalue()
        self.turns = (self.folder / "turns").read_text().splitlines()
        return code, json.loads(facts.read_text()) if facts.exists() else None, err.getvalue()

    def row(self, facts, peer, job, group=None):
        rows = [row for row in facts["rows"] if (row["peer"], row["job"], row["group"]) == (peer, job, group or job)]
        self.assertEqual(len(rows), 1, (peer, job))
        return rows[0]

    def test_turns_figures_and_targets(self):
        plan = {"backlight": {"ms": [12, 10, 14, 16]}, "backlight grad-cam": {"ms": [13]},
                "onnxruntime": {"ms": [24, 30, 42, 16]}, "torch": {"ms": [20]}}
        code, facts, _ = self.run_it(plan, "--turns=4", "--jobs=forward,grad-cam", "--peers=onnxruntime,torch",
                                     "--batch=2", "--threads=1")
        self.assertEqual(code, 0)
        forward = self.turns[:12]
        programs = {"backlight forward", "onnxruntime forward", "torch forward"}
        orders = [tuple(forward[i:i + 3]) for i in range(0, 12, 3)]
        for order in orders:
            self.assertEqual(set(order), programs, "a turn asks every program once")
        self.assertGreater(len(set(orders)), 1, "turns take programs in different orders")
        ours, theirs = self.row(facts, "backlight", "forward"), self.row(facts, "onnxruntime", "forward")
        self.assertEqual((ours["min"], ours["median"]), (5, 6.5), "per picture of a batch of two")
        self.assertEqual(theirs["ms"], [12, 15, 21, 8])
        self.assertEqual(theirs["ratio_of_minima"], 8 / 5)
        self.assertEqual(theirs["median_ratio"], 2.5, "the median of each turn's ratio")
        self.assertNotIn("ratio_of_minima", ours)
        found = {each["target"]: (each["measured"], each["met"]) for each in facts["targets"]}
        self.assertEqual(found, {"forward as fast as the best peer's (onnxruntime)": ("1.60×", True),
                                 "Grad-CAM of the own forward's time": ("1.30×", False),
                                 "Grad-CAM of the best peer's forward's time (onnxruntime)": ("0.81×", True),
                                 "Grad-CAM as fast as the best by PyTorch (torch)": ("1.54×", False)})
        # (1503 / 4 + 311) · 2 MFLOP at 200 GFLOP/s, 2 MB at 50 GB/s for two pictures.
        self.assertIn("| resnet18 | 6.89 | 5 (6.5) | 1.60× onnxruntime | 8 (13.5) | 10 (10) |", self.page)
        self.assertIn("2 of 4 targets missed", self.page)
        self.assertIn("**missed** | 5 / 6.89 |", self.page)
        self.assertIn("torch 9.9", self.page)
        self.assertEqual((facts["gflops"], facts["read_gb_per_s"], facts["precision"]), (200, 50, "float32"))
        self.assertEqual((self.folder / "out/peers.md").read_text(), self.page)
        picture = xml.etree.ElementTree.fromstring((self.folder / "out/peers.svg").read_text())
        self.assertEqual(len(picture.findall("{*}circle")), 3, "a dot per peer and job")

    def test_a_result_that_disagrees_is_marked_and_beats_nobody(self):
        plan = {"openvino": {"ms": [1], "result": [0.0, 2.01]}, "torch": {"result": [1e-4, 2.0]}}
        code, facts, err = self.run_it(plan, "--turns=1", "--jobs=forward", "--peers=openvino,torch")
        self.assertEqual(code, 6)
        self.assertIn("openvino's forward of resnet18 differs by 5.0e-03", err)
        self.assertFalse(self.row(facts, "openvino", "forward")["agrees"])
        self.assertTrue(self.row(facts, "torch", "forward")["agrees"], "within 1e-4 of the largest")
        self.assertIn("1 (1), differs by 5e-03", self.page)
        self.assertIn("1.00× torch", self.page, "the fastest is not the best")

    def test_of_what_takes_minutes_the_first_time_counts_and_is_compared(self):
        plan = {"backlight score-cam": {"ms": [50]}, "pytorch-grad-cam": {"ms": [150]},
                "backlight ablation-cam": {"ms": [50]}, "pytorch-grad-cam ablation-cam": {"ms": [1500],
                                                                                         "result": [0.5, 2.0]}}
        code, facts, err = self.run_it(plan, "--turns=1", "--jobs=ablation-cam,score-cam", "--peers=pytorch-grad-cam")
        self.assertEqual(code, 6)
        self.assertEqual(self.turns.count("pytorch-grad-cam score-cam"), 1)
        self.assertTrue(self.row(facts, "pytorch-grad-cam", "score-cam")["agrees"], "what is below 0 is not compared")
        self.assertIn("pytorch-grad-cam's ablation-cam of resnet18 differs by 2.5e-01", err)
        self.assertEqual([(each["target"], each["measured"], each["met"]) for each in facts["targets"]],
                         [("score-cam as fast as pytorch-grad-cam's", "3.00×", True)])
        code, facts, _ = self.run_it({"pytorch-grad-cam": {"result": [0.0, float("inf")]}}, "--turns=1",
                                     "--jobs=score-cam", "--peers=pytorch-grad-cam")
        self.assertFalse(self.row(facts, "pytorch-grad-cam", "score-cam")["agrees"])

    def test_a_component_may_have_either_sign(self):
        plan = {"backlight": {"result": [0.0, -2.0]}, "pytorch-grad-cam": {"result": [-2.0, 2.0], "ms": [90]}}
        code, facts, _ = self.run_it(plan, "--turns=2", "--jobs=eigen-map", "--peers=pytorch-grad-cam")
        self.assertEqual(code, 6)
        self.assertTrue(self.row(facts, "backlight", "eigen-map")["agrees"])
        self.assertFalse(self.row(facts, "pytorch-grad-cam", "eigen-map")["agrees"])

    def test_what_is_not_a_number_disagrees(self):
        for job, result in (("forward", [float("nan"), 2.0]), ("grad-cam", [float("nan"), 2.0]),
                            ("forward", [0.0, float("nan")]), ("forward", [0.0, float("inf")])):
            _, facts, _ = self.run_it({"torch": {"result": result}}, "--turns=1", f"--jobs={job}", "--peers=torch")
            self.assertFalse(self.row(facts, "torch", job)["agrees"], (job, result))

    def test_ours_must_be_nearer_where_nothing_rounds_otherwise(self):
        for how, agrees in (("exact", False), ("all", True)):
            code, facts, _ = self.run_it({"backlight": {"result": [1e-4, 2.0]}}, "--turns=1", "--jobs=forward",
                                         "--peers=torch", f"--optimise={how}")
            self.assertEqual(self.row(facts, "backlight", "forward")["agrees"], agrees)
            self.assertEqual(facts["targets"][0]["met"], False)

    def test_programs_that_die_are_named_and_left_out(self):
        plan = {"onnxruntime": {"dies": "no such operator"}, "ncnn": {"stops": 1}, "openvino": {"result": [0.0]},
                "torch-compile": {"ms": ["soon"]}}
        code, facts, err = self.run_it(plan, "--turns=3", "--jobs=forward")
        self.assertEqual(code, 6)
        reasons = {each["peer"]: each["reason"] for each in facts["left_out"]}
        self.assertEqual(reasons, {"onnxruntime": "ended with status 1: no such operator",
                                   "ncnn": "ended with status 1: out of memory",
                                   "openvino": "its result is of (1, 1), expected (1, 2)",
                                   "torch-compile": "printed 'soon' for milliseconds"})
        self.assertEqual({row["peer"] for row in facts["rows"]}, {"backlight", "torch"})
        self.assertEqual(len(self.row(facts, "torch", "forward")["ms"]), 3, "the others go on")
        self.assertIn("- ncnn of forward of resnet18: ended with status 1: out of memory", self.page)
        self.assertIn("ncnn is left out of forward of resnet18", err)

    def test_an_interruption_keeps_whole_turns(self):
        code, facts, _ = self.run_it({"torch grad-cam": {"interrupts": 2}}, "--turns=5", "--jobs=forward,grad-cam",
                                     "--peers=torch")
        self.assertEqual(code, 130)
        self.assertTrue(facts["interrupted"])
        self.assertEqual(len(self.row(facts, "torch", "forward")["ms"]), 5)
        for peer, job in (("torch", "grad-cam"), ("backlight", "grad-cam"), ("backlight", "forward")):
            self.assertEqual(len(self.row(facts, peer, job, "grad-cam")["ms"]), 2)
        self.assertIn("interrupted", self.page)

    def test_a_second_signal_does_not_lose_what_the_first_one_keeps(self):
        end = compare_peers.Program.end

        def disturbed(program):
            os.kill(os.getpid(), signal.SIGTERM)
            end(program)

        compare_peers.Program.end = disturbed
        self.addCleanup(setattr, compare_peers.Program, "end", end)
        code, facts, _ = self.run_it({"torch": {"interrupts": 1}}, "--turns=3", "--jobs=forward", "--peers=torch")
        self.assertEqual(code, 130)
        self.assertEqual(self.row(facts, "torch", "forward")["ms"], [10])

    def test_a_peer_that_cannot_be_installed_is_left_out(self):
        compare_peers.install, kept = lambda work, peers: (str(self.fake), ["ncnn"]), compare_peers.install
        try:
            sys.argv = ["compare_peers", f"--bench={self.fake}", f"--out={self.folder}", f"--work={self.folder}",
                        "--networks=resnet18", "--jobs=forward", "--peers=ncnn,torch", "--turns=1"]
            (self.folder / "plan.json").write_text("{}")
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                self.assertEqual(compare_peers.main(), 6)
        finally:
            compare_peers.install = kept
        facts = json.loads((self.folder / "peers.json").read_text())
        self.assertEqual([each["peer"] for each in facts["left_out"]], ["ncnn"])
        self.assertEqual({row["peer"] for row in facts["rows"]}, {"backlight", "torch"})

    def test_usage(self):
        for options, message in ((["--networks=vgg99"], "'vgg99' is none of alexnet"), (["--turns=0"], "no positive"),
                                 (["--optimise=much"], "invalid choice")):
            ended = subprocess.run([sys.executable, SCRIPT, *options], capture_output=True, text=True)
            self.assertEqual(ended.returncode, 2)
            self.assertIn(message, ended.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
