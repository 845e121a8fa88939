#!/usr/bin/env python3
"""What the README says of adding an operation adds one. Usage: operation_test.py SOURCE WORK CMAKE COMPILER BASE OPTION...

The operation of the folder operation/ beside this file is added at the README's places to a copy of the files that they
change, compiled, and linked with BASE: the library and what its tests share, its CUDA part emulated, as one shared library.
Its tests run on the CPU and on the emulated device. With any one place left out, it does not come to that.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

SOURCE, WORK = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
CMAKE, COMPILER, BASE, *OPTIONS = sys.argv[3:]
TEMPLATE = pathlib.Path(__file__).resolve().parent / "operation"


def add_folder(tree):
    shutil.copytree(TEMPLATE / "kernels/square", tree / "kernels/square")


def add_kind(tree):
    # Behind the others, since the library's object files know them by their numbers.
    change(tree, "engine/graph/op_kind.hpp", r"row\(strided_identity_pad\)", r"row(strided_identity_pad) row(square)")


def add_kernels(tree):
    # At the end, since the library's object files know the other entries by their place in the table.
    change(tree, "kernels/kernels.def", r"\n(#undef KERNEL\n)",
           '\n#include "kernels/square/square.hpp"\nKERNEL(square_forward)\nKERNEL(square_backward)\n\n\\1')


def add_layer(tree):
    change(tree, "kernels/layers.hpp", r"\Z", '#include "kernels/square/square_layer.hpp"\n')


def add_test(tree):
    shutil.copytree(TEMPLATE / "tests", tree / "tests")


# As the README lists them.
PLACES = {
    "kernels/<operation>/": add_folder,
    "engine/graph/op_kind.hpp": add_kind,
    "kernels/kernels.def": add_kernels,
    "kernels/layers.hpp": add_layer,
    "tests/kernels/test_<operation>.cpp": add_test,
}


def change(tree, path, pattern, text):
    before = (tree / path).read_text(encoding="utf-8")
    after = re.sub(pattern, text, before, count=1)
    assert after != before, f"{path} is not what the test expects"
    (tree / path).write_text(after, encoding="utf-8")


def new_tree(name, left_out=None):
    """A copy of what the places change, with the operation added at all of them but `left_out`."""
    tree = WORK / name
    shutil.rmtree(tree, ignore_errors=True)
    for path in [*PLACES, "kernels/operations.cmake"]:
        if (SOURCE / path).is_file():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOURCE / path, tree / path)
    for place, add in PLACES.items():
        if place != left_out:
            add(tree)
    return tree


def run(*command, **environment):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                            env=os.environ | environment)
    return result.returncode, result.stdout


def sources(tree):
    """The operation's sources, as CMake finds them, and its tests."""
    (tree / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(operation LANGUAGES NONE)\ninclude(kernels/operations.cmake)\n"
        "file(WRITE ${PROJECT_BINARY_DIR}/sources \"${operation_sources};${naive_sources};${cuda_kernels};${cuda_operation_sources}\")\n",
        encoding="utf-8")
    code, output = run(CMAKE, "-S", tree, "-B", tree / "build")
    assert code == 0, output
    found = (tree / "build/sources").read_text(encoding="utf-8").split(";")
    return [file for file in found if file] + sorted((tree / "tests").rglob("test_*.cpp"))


def compile_in(tree, source, *options):
    """The object file's path, or what the compiler said."""
    target = tree / (pathlib.Path(source).name + ".o")
    code, output = run(COMPILER, "-std=c++20", "-O0", "-fPIC", f"-I{tree}", *OPTIONS, *options, "-xc++", "-c", source,
                       "-o", target)
    return (target, "") if code == 0 else (None, output)


def link(tree, objects):
    base = pathlib.Path(BASE)
    return run(COMPILER, *objects, base, f"-Wl,-rpath,{base.parent}", "-o", tree / "operation")


def run_tests(tree, device):
    return run(tree / "operation", BACKLIGHT_TEST_DEVICE=device)


class Operation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tree = new_tree("complete")
        cls.objects = {}
        changed = ["engine/graph/op_kind.cpp", "kernels/dispatch.cpp", "kernels/dispatch_cuda.cpp"]
        for source in [*(SOURCE / file for file in changed), *sources(cls.tree)]:
            target, output = compile_in(cls.tree, source)
            assert target, output
            cls.objects[pathlib.Path(source).name] = target

    def test_the_readme_lists_these_places(self):
        readme = (SOURCE / "README.md").read_text(encoding="utf-8")
        section = re.search(r"^## Adding an operation\n(.*?)^## ", readme, re.MULTILINE | re.DOTALL)[1]
        self.assertEqual(re.findall(r"^\d\. `([^`]+)`", section, re.MULTILINE), list(PLACES))

    def test_it_is_added(self):
        code, output = link(self.tree, self.objects.values())
        self.assertEqual(code, 0, output)
        for device, cases in ("cpu", 4), ("cuda", 4):
            code, output = run_tests(self.tree, device)
            self.assertEqual(code, 0, output)
            self.assertRegex(output, rf"test cases: +{cases} \| +{cases} passed")

    def test_a_kernel_that_cuda_lacks_refuses_by_name(self):
        tree = new_tree("on_the_cpu_only")
        change(tree, "kernels/kernels.def", r"KERNEL\(square_forward\)", "CPU_KERNEL(square_forward)")
        target, output = compile_in(tree, SOURCE / "kernels/dispatch_cuda.cpp")
        self.assertTrue(target, output)
        code, output = link(tree, (self.objects | {"dispatch_cuda.cpp": target}).values())
        self.assertEqual(code, 0, output)
        self.assertEqual(run_tests(tree, "cpu")[0], 0)
        self.assertIn("the kernel square_forward is not supported on this device", run_tests(tree, "cuda")[1])

    def test_without_its_files_nothing_is_compiled(self):
        found = sources(new_tree("not_found", "kernels/<operation>/"))
        self.assertEqual([file.name for file in map(pathlib.Path, found)], ["test_square.cpp"])
        listed = [target for name, target in self.objects.items() if "dispatch" in name or "test" in name]
        code, output = link(self.tree, listed)
        self.assertNotEqual(code, 0)
        self.assertIn("undefined reference to `backlight::square()'", output)

    def test_without_its_kind_the_layer_does_not_compile(self):
        tree = new_tree("without_kind", "engine/graph/op_kind.hpp")
        self.assertRegex(compile_in(tree, tree / "kernels/square/square_layer.cpp", "-fsyntax-only")[1],
                         ".square. is not a member of .backlight::OpKind.")

    def test_without_its_kernels_the_layer_does_not_compile(self):
        tree = new_tree("without_kernels", "kernels/kernels.def")
        self.assertRegex(compile_in(tree, tree / "kernels/square/square_layer.cpp", "-fsyntax-only")[1],
                         "has no member named .square_forward")

    def test_without_its_layer_no_network_has_it(self):
        tree = new_tree("without_layer", "kernels/layers.hpp")
        self.assertRegex(compile_in(tree, tree / "tests/kernels/test_square.cpp", "-fsyntax-only")[1],
                         ".square. was not declared")

    def test_without_its_test_there_is_none(self):
        tree = new_tree("without_test", "tests/kernels/test_<operation>.cpp")
        code, output = link(tree, (target for name, target in self.objects.items() if "test" not in name))
        self.assertEqual(code, 0, output)
        self.assertRegex(run_tests(tree, "cpu")[1], r"test cases: +0 ")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
