"""Runs the tests on CUDA code that counts its lines, and prints, file by file, which lines nothing executed.

A line of a template counts as executed when any instantiation executed it.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

COUNTED = re.compile(
    r"kernels/.*(_cuda\.(cu|cpp)|\.cuh|launch\.hpp|grid\.hpp)$"
    r"|engine/runtime/cuda/.*"
    r"|engine/explain/(device_display|explanation_graph)\.cpp$"
    r"|kernels/preprocess/device_preprocess\.cpp$"
)


def run_tests(program, objects):
    """Leaves fresh counts beside the object files."""
    for counts in objects.rglob("*.gcda"):
        counts.unlink()
    tests = subprocess.run([program, "--minimal"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if tests.returncode:
        sys.exit(f"{tests.stdout}\nthe tests failed: their lines are not counted")


def executions(gcov, objects, source):
    """{file: {line: how often it was executed}}; files that the program never entered count, too."""
    counts = {}
    for notes in sorted(objects.rglob("*.gcno")):
        answer = subprocess.run([gcov, "--json-format", "--stdout", notes], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, check=True)
        report = json.loads(answer.stdout)
        for file in report["files"]:
            path = pathlib.Path(os.path.normpath(os.path.join(report["current_working_directory"], file["file"])))
            if not path.is_relative_to(source):
                continue
            name = path.relative_to(source).as_posix()
            if not COUNTED.match(name):
                continue
            text = path.read_text().split("\n")
            for line in file["lines"]:
                number = line["line_number"]
                if not re.search(r"\w", text[number - 1]):
                    continue  # a brace: what is cleaned up there when an exception passes
                lines = counts.setdefault(name, {})
                lines[number] = max(lines.get(number, 0), line["count"])
    return counts


def ranges(numbers):
    """[3, 4, 5, 9] as '3-5 9'."""
    found = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return " ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in found)


def share(executed, lines):
    """In percent, rounded down, so that 100.0 means every line."""
    return executed * 1000 // lines / 10


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gcov", required=True)
    parser.add_argument("--source", type=pathlib.Path, required=True, help="the repository's root")
    parser.add_argument("--objects", type=pathlib.Path, required=True, help="where the counting object files lie")
    parser.add_argument("--program", required=True, help="the tests, linked with them")
    parser.add_argument("--minimum", type=float, required=True, help="per cent of all lines, below which this fails")
    options = parser.parse_args()

    run_tests(options.program, options.objects)
    counts = executions(options.gcov, options.objects, options.source)
    if not counts:
        sys.exit(f"{options.objects} holds no counts: was it compiled with --coverage?")

    total = executed = 0
    print("lines executed       %  file                                            never executed")
    for name, lines in sorted(counts.items()):
        missed = [number for number, count in lines.items() if count == 0]
        total += len(lines)
        executed += len(lines) - len(missed)
        print(f"{len(lines):5} {len(lines) - len(missed):8} {share(len(lines) - len(missed), len(lines)):7.1f}"
              f"  {name:46}  {ranges(missed)}".rstrip())
    print(f"{total:5} {executed:8} {share(executed, total):7.1f}  in all")
    if executed * 100 < options.minimum * total:
        sys.exit(f"fewer than {options.minimum:g} % of the lines were executed")


if __name__ == "__main__":
    main()
