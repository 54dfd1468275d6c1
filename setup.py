"""Builds the extension module; everything else stands in pyproject.toml."""

from __future__ import annotations

import platform
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

NATIVE = Path("src/margin/_native")
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
X86 = platform.machine().lower() in {"x86_64", "amd64"}

# Every one keeps IEEE semantics. All of the first three are needed for gcc to vectorise; contraction must be off for all
# compilers to round alike.
FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
LEVELS = {"base": [], "v3": ["-march=x86-64-v3"], "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"]}


class BuildKernels(build_ext):
    """Compiles the micro-kernels once per instruction set; only these objects may hold wide instructions."""

    def build_extension(self, ext: Extension) -> None:
        """Compile the kernels, then the extension around them."""
        unix = self.compiler.compiler_type == "unix"
        levels = LEVELS if X86 and unix else {"base": []}
        for isa, flags in levels.items():
            ext.extra_objects += self.compiler.compile(
                [str(NATIVE / "kernels.c")],
                output_dir=str(Path(self.build_temp) / isa),
                macros=[("KERNEL_ISA", isa)],
                extra_postargs=[*FLAGS, *flags] if unix else ["/O2", "/fp:precise"],
                depends=[str(path) for path in NATIVE.glob("*.h")],
            )
        if len(levels) > 1:
            ext.define_macros.append(("MARGIN_X86_LEVELS", "1"))
        if unix:
            ext.extra_compile_args += FLAGS
        super().build_extension(ext)


core = Extension(
    "margin._core",
    ["src/margin/_core.pyx", str(NATIVE / "dispatch.c")],
    depends=[*map(str, Path("src/margin").glob("*.pxi")), *map(str, NATIVE.glob("*.[ch]"))],
    include_dirs=[str(NATIVE)],
    libraries=["m"] if platform.system() != "Windows" else [],
    define_macros=[] if FREE_THREADED else [("Py_LIMITED_API", "0x030B0000")],
    py_limited_api=not FREE_THREADED,
)

setup(
    ext_modules=[core],
    cmdclass={"build_ext": BuildKernels},
    options={} if FREE_THREADED else {"bdist_wheel": {"py_limited_api": "cp311"}},
)
