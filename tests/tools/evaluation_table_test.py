#!/usr/bin/env python3
"""tools/evaluation_table with the real program, on one scene. Usage: evaluation_table_test.py SCRIPT PROGRAM"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT, PROGRAM = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])


def methods():
    out = subprocess.run([PROGRAM, "methods", "--json"], stdout=subprocess.PIPE, check=True).stdout
    return [method["name"] for method in json.loads(out)["methods"]]


class Table(unittest.TestCase):
    def run_in(self, folder, *options):
        others = [name for name in methods() if name not in ("grad-cam", "occlusion")]
        command = [sys.executable, SCRIPT, f"{folder}/out", f"{folder}/scenes", "--model", "backlight_scenes",
                   "--limit", "2", "--asked", "1", "--often", "2", "--without", ",".join(others), *options]
        return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "BACKLIGHT": str(PROGRAM)},
                              check=False)

    def test_tables(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([PROGRAM, "scenes", "--count", "2", "--out", f"{folder}/scenes"], check=True,
                           stdout=subprocess.DEVNULL)
            result = self.run_in(folder)
            self.assertEqual(result.returncode, 0, result.stderr)
            blocks = result.stdout.split("pictures:\n")
            self.assertEqual([block.splitlines()[-1] for block in blocks[:3]], ["2 ", "1 ", "2 "])
            for block, column, rows in zip(blocks[1:], ("`pointing`", "`insertion`", "`max_sensitivity`"), (6, 6, 5)):
                lines = [line for line in block.splitlines() if line.startswith("|")]
                self.assertIn(column, lines[0])
                self.assertEqual(len(lines), 2 + rows)  # occlusion runs the network too often for the last
                self.assertEqual({line.count("|") for line in lines}, {lines[0].count("|")})
                self.assertRegex(lines[2], r"^\| grad-cam \| \d.*±")
            self.assertIn("| uniform | – | – |", blocks[3])
            again = self.run_in(folder)
            self.assertEqual(again.stdout, result.stdout)
            self.assertIn("were done before", again.stderr)
            self.assertEqual(self.run_in(folder, "--fill", "grey").returncode, 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
