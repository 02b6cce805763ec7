"""`nibble quantize` with its k-th call to the file system failing, for every k: one line, exit 1, and no output that looks
finished; or, where the failure is of no consequence, the whole output."""

import errno
import os
import subprocess

import pytest
from conftest import GOLDENS

SOURCE = GOLDENS / "model" / "mm-e4b-like" / "model"

SHIM = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
static atomic_long calls;
static long at(void) { const char *v = getenv("FAULT_AT"); return v ? atol(v) : -1; }
static int fails(void) {
  if (++calls != at()) return 0;
  errno = atoi(getenv("FAULT_ERRNO"));
  return 1;
}
#define WRAP(result, name, parameters, arguments)                                \
  result name parameters {                                                       \
    static result(*real) parameters;                                             \
    if (!real) real = (result(*) parameters)dlsym(RTLD_NEXT, #name);             \
    return fails() ? (result)-1 : real arguments;                                \
  }
WRAP(ssize_t, pread64, (int fd, void *p, size_t n, off64_t o), (fd, p, n, o))
WRAP(ssize_t, pread, (int fd, void *p, size_t n, off_t o), (fd, p, n, o))
WRAP(ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t o), (fd, p, n, o))
WRAP(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t o), (fd, p, n, o))
WRAP(int, fallocate64, (int fd, int mode, off64_t o, off64_t n), (fd, mode, o, n))
WRAP(int, fallocate, (int fd, int mode, off_t o, off_t n), (fd, mode, o, n))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, rename, (const char *a, const char *b), (a, b))
WRAP(int, renameat2, (int a, const char *b, int c, const char *d, unsigned e), (a, b, c, d, e))
__attribute__((destructor)) static void report(void) {
  const char *path = getenv("FAULT_COUNT");
  FILE *file = path ? fopen(path, "w") : NULL;
  if (file) { fprintf(file, "%ld", (long)calls); fclose(file); }
}
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(SHIM)
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", folder / "shim.so", folder / "shim.c", "-ldl"], check=True)
    return folder / "shim.so"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("replace", [False, True], ids=["new", "replace"])
def test_every_file_call_may_fail(nibble, shim, tmp_path, error, replace):
    out, earlier = tmp_path / "work" / "out", None
    out.parent.mkdir()
    command = nibble.command("quantize", SOURCE, "--scheme", "NVFP4A16", "--output", out, "--threads", 1, "--force")
    environment = dict(os.environ, LD_PRELOAD=str(shim), FAULT_ERRNO=str(error))
    count = tmp_path / "count"
    subprocess.run(command, check=True, capture_output=True, env=environment | {"FAULT_COUNT": str(count)})
    calls, expected = int(count.read_text()), contents(out)
    assert calls > 100, "the calls go through the shim"
    failed = 0
    # All of the first and last calls, and every seventh of the many alike in between.
    for k in sorted({*range(1, 60), *range(60, calls, 7), *range(max(1, calls - 60), calls + 1)}):
        if replace:
            nibble.succeed("quantize", SOURCE, "--scheme", "FP8_DYNAMIC", "--output", out, "--force")
            earlier = contents(out)
        elif out.exists():
            for path in out.iterdir():
                path.unlink()
            out.rmdir()
        result = subprocess.run(command, capture_output=True, text=True, env=environment | {"FAULT_AT": str(k)}, timeout=60)
        assert [path.name for path in out.parent.iterdir()] in ([], ["out"]), f"call {k}: something partial is left"
        found = contents(out) if out.exists() else None
        if result.returncode == 0:
            assert found == expected, f"call {k}"
            continue
        failed += 1
        message = [line for line in result.stderr.splitlines() if line.startswith("nibble: ")]
        assert result.returncode == 1 and len(message) == 1, f"call {k}: {result.stderr}"
        assert os.strerror(error) in message[0], f"call {k}: {message}"
        assert found in (earlier, expected), f"call {k}"  # the last sync may fail when all is in its place
    assert failed > 50
