#!/usr/bin/env python3
"""Every path, build target, preset and anchor that a README names exists. Usage: readme_test.py SOURCE BUILD

A path may be given from the top of the tree or from the README's folder. <placeholder> stands for any name, and must fit
something; {hpp,cpp} stands for each.
"""

import itertools
import json
import pathlib
import re
import subprocess
import sys
import unittest

SOURCE, BUILD = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
TOP = ("engine", "kernels", "models", "weights", "tools", "tests")
SUFFIXES = ("cpp", "hpp", "cu", "cuh", "py", "cmake", "c", "h", "inc")
# Files of other projects, and some that a reader is to write.
ELSEWHERE = {"Resample.c", "<topic>/vN_the_idea.cu", "explain.c"}


def pages():
    for folder in ("", *TOP):
        yield from sorted((SOURCE / folder).rglob("*.md") if folder else SOURCE.glob("*.md"))


def alternatives(path):
    """`a.{hpp,cpp}` as `a.hpp` and `a.cpp`."""
    parts = [part.split(",") for part in re.split(r"[{}]", path)]
    return ["".join(choice) for choice in itertools.product(*parts)] if "{" in path else [path]


def exists(page, path):
    """From the top, or from the page's folder; a bare file name anywhere beside or below the page, or in these folders."""
    pattern = re.sub(r"<[^>]+>", "*", path).rstrip("/")
    if any(next(base.glob(pattern), None) for base in (SOURCE, page.parent)):
        return True
    return "/" not in pattern and any(
        next(base.rglob(pattern), None) for base in (page.parent, SOURCE / "tests", SOURCE / "engine", SOURCE / "kernels"))


def named_paths(text):
    """What looks like a path into this tree, or like the name of a source file."""
    text = re.sub(r"https?://\S+", "", text)
    for word in re.findall(r"[\w.<>{},/-]+", text):
        word = word.rstrip(".,").removeprefix("../").removeprefix("../")
        if "..." in word or word in ELSEWHERE:
            continue
        in_tree = word.split("/")[0] in TOP and "/" in word and word != "/".join(TOP)
        source_file = word.rsplit(".", 1)[-1].rstrip("}") in SUFFIXES and re.match(r"[\w<{]", word) and "." in word
        generated = word.startswith(("build/", "/"))
        if (in_tree or source_file) and not generated:
            yield word


def cmake_lists():
    paths = [path for top in TOP for path in (SOURCE / top).rglob("*")
             if path.name == "CMakeLists.txt" or path.suffix == ".cmake"]
    return "".join(path.read_text(encoding="utf-8") for path in [SOURCE / "CMakeLists.txt", *paths])


class Readme(unittest.TestCase):
    def check(self, found, wrong):
        self.assertGreater(found, 0, "the pages were not read")
        self.assertFalse(wrong, "\n" + "\n".join(wrong))

    def test_paths(self):
        found, wrong = 0, []
        for page in pages():
            for word in named_paths(page.read_text(encoding="utf-8")):
                for path in alternatives(word):
                    found += 1
                    if not exists(page, path):
                        wrong.append(f"{page.relative_to(SOURCE)} names {path}, which does not exist")
        self.check(found, wrong)

    def test_links_and_anchors(self):
        found, wrong = 0, []
        for page in pages():
            for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
                if link.startswith("http"):
                    continue
                found += 1
                path, _, anchor = link.partition("#")
                target = page.parent / path if path else page
                if not target.exists():
                    wrong.append(f"{page.relative_to(SOURCE)} links to {link}, which does not exist")
                elif anchor:
                    headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
                    slugs = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
                    if anchor not in slugs:
                        wrong.append(f"{page.relative_to(SOURCE)} links to {link}, but no heading gives that anchor")
        self.check(found, wrong)

    def test_targets(self):
        listing = subprocess.run(["cmake", "--build", BUILD, "--target", "help"], capture_output=True, text=True,
                                 check=True).stdout
        # Those of this build, and those that another one has.
        targets = set(re.findall(r"[\w.-]+", listing)) | set(re.findall(r"add_executable\(([\w-]+)", cmake_lists()))
        found, wrong = 0, []
        for page in pages():
            text = page.read_text(encoding="utf-8")
            names = re.findall(r"--target ([\w-]+)", text) + re.findall(r"`(test_\w+)`", text)
            for name in names:
                found += 1
                if name not in targets:
                    wrong.append(f"{page.relative_to(SOURCE)} names the target {name}, which does not exist")
        self.check(found, wrong)

    def test_presets_and_options(self):
        presets = json.loads((SOURCE / "CMakePresets.json").read_text(encoding="utf-8"))
        named = {"cmake": r"cmake --preset ([\w-]+)", "cmake --build": r"cmake --build --preset ([\w-]+)",
                 "ctest": r"ctest --preset ([\w-]+)"}
        known = {program: {preset["name"] for preset in presets[kind] if not preset.get("hidden")}
                 for program, kind in (("cmake", "configurePresets"), ("cmake --build", "buildPresets"),
                                       ("ctest", "testPresets"))}
        found, wrong = 0, []
        for page in pages():
            text = page.read_text(encoding="utf-8")
            names = [(program, name) for program, pattern in named.items() for name in re.findall(pattern, text)]
            for words in re.findall(r"\bPresets: ((?:`[\w-]+`(?:,| and|) ?)+)", text):
                names += [("cmake", name) for name in re.findall(r"`([\w-]+)`", words)]
            for program, name in names:
                found += 1
                if name not in known[program]:
                    wrong.append(f"{page.relative_to(SOURCE)} names the preset {name} of {program}, which does not exist")
            for option in re.findall(r"-D(BACKLIGHT_\w+)", text):
                found += 1
                if option not in cmake_lists():
                    wrong.append(f"{page.relative_to(SOURCE)} names the option {option}, which does not exist")
        self.check(found, wrong)

    def test_operations_part_the_mathematics_from_the_machine(self):
        found, wrong = 0, []
        for page in (page for page in pages() if re.fullmatch(r"kernels/\w+", str(page.parent.relative_to(SOURCE)))):
            if page.parent.name == "study":
                continue
            found += 1
            headings = re.findall(r"^## (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
            if headings != ["The mathematics", "The machine"]:
                wrong.append(f"{page.relative_to(SOURCE)} has the headings {headings}")
        self.check(found, wrong)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
