#!/bin/sh
# isa_objects.sh NM LIBRARY: fails if an object compiled for an instruction set defines a weak function. The linker keeps
# one copy of those for the whole program, and a CPU without the instructions would run it.
set -eu
symbols=$("$1" -A "$2")
echo "$symbols" | grep -qE ":(avx512|neon)_matmul.cpp.o:.* T " || { echo "no matrix products in $2"; exit 1; }
weak=$(echo "$symbols" | grep -E ":(avx|neon)[^:]*\.o:.* W " || true)
[ -z "$weak" ] || { echo "weak functions:"; echo "$weak"; exit 1; }
