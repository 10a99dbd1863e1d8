# SPDX-License-Identifier: BSD-3-Clause
# The bzip2 filter; most of it is in packed.py.
import bz2

from harness import main
from packed import Unpacking

main(Unpacking('bzip2', lambda data: bz2.compress(data, 1)).tests())
