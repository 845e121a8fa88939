#!/usr/bin/env python3
"""Every #include names a file of its own folder or of one above it in the README's list. Usage: includes_test.py SOURCE

The list is the block below the heading "The folders"; a line that begins with a space goes on with the one before. A file
belongs to the longest listed folder that it lies in. Headers that only an option of the compiler finds (other projects', and
the emulator's that stand for CUDA's) are not looked at.
"""

import pathlib
import re
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(sys.argv[1]).resolve()
SUFFIXES = (".c", ".cpp", ".cu", ".cuh", ".def", ".h", ".hpp")


def listed_folders(readme):
    block = re.search(r"^## The folders\n.*?^```\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    return re.findall(r"^(\S+)", block[1], re.MULTILINE) if block else []


def folder_of(path, folders):
    return max((folder for folder in folders if path.startswith(folder + "/")), key=len, default=None)


def included(source, path):
    """The files of this tree that a file includes; a generated one lies where its .in lies."""
    text = (source / path).read_text(encoding="utf-8")
    for name in re.findall(r'^\s*#\s*include\s*["<]([^">]+)[">]', text, re.MULTILINE):
        for base in (source, (source / path).parent, source / "tests"):
            file = (base / name).resolve()
            if file.is_relative_to(source) and (file.is_file() or file.with_name(file.name + ".in").is_file()):
                yield file.relative_to(source).as_posix()
                break


def wrong_includes(source, folders):
    """What does not fit the list, in sentences, and the number of #includes that were looked at."""
    wrong, found = [], 0
    for top in sorted({folder.split("/")[0] for folder in folders}):
        for file in sorted(file for file in (source / top).rglob("*") if file.suffix in SUFFIXES):
            path = file.relative_to(source).as_posix()
            folder = folder_of(path, folders)
            if folder is None:
                wrong.append(f"{path} lies in no folder of the README's list")
                continue
            for name in included(source, path):
                found += 1
                other = folder_of(name, folders)
                if other is None:
                    wrong.append(f"{path} includes {name}, which lies in no folder of the README's list")
                elif folders.index(other) > folders.index(folder):
                    wrong.append(f"{path} includes {name}, but {other} stands below {folder} in the README's list")
    return wrong, found


class Includes(unittest.TestCase):
    def test_this_tree(self):
        folders = listed_folders((SOURCE / "README.md").read_text(encoding="utf-8"))
        self.assertGreater(len(folders), 5, "the README's list was not read")
        for folder in folders:
            self.assertTrue((SOURCE / folder).is_dir(), f"the README lists {folder}, which does not exist")
        wrong, found = wrong_includes(SOURCE, folders)
        self.assertGreater(found, 1000, "the sources were not read")
        self.assertFalse(wrong, "\n" + "\n".join(wrong))

    def test_what_points_the_wrong_way_is_found(self):
        files = {"engine/core/tensor.hpp": "#include <vector>\n", "engine/odd.hpp": "",
                 "engine/run/pass.cpp": '#include "pass.hpp"\n#include "engine/core/tensor.hpp"\n',
                 "engine/run/pass.hpp": "",
                 "engine/core/tensor.cpp": '#include "engine/core/tensor.hpp"\n#  include <engine/run/pass.hpp>\n',
                 "kernels/add.cpp": '#include "engine/odd.hpp"\n#include "engine/core/version.hpp"\n',
                 "engine/core/version.hpp.in": ""}
        folders = listed_folders("## The folders\n\nText.\n\n```\nengine/core  tensor\n             version\nkernels\nengine/run\n```\n")
        self.assertEqual(folders, ["engine/core", "kernels", "engine/run"])
        with tempfile.TemporaryDirectory() as work:
            source = pathlib.Path(work).resolve()
            for path, text in files.items():
                (source / path).parent.mkdir(parents=True, exist_ok=True)
                (source / path).write_text(text, encoding="utf-8")
            wrong, found = wrong_includes(source, folders)
        self.assertEqual(wrong, [
            "engine/core/tensor.cpp includes engine/run/pass.hpp, but engine/run stands below engine/core in the README's list",
            "engine/odd.hpp lies in no folder of the README's list",
            "kernels/add.cpp includes engine/odd.hpp, which lies in no folder of the README's list"])
        self.assertEqual(found, 6)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
