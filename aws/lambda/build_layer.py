"""Builds the Lambda's layers alone: `python -m aws.lambda.build_layer STORE [FOLDER [x86_64|arm64]]`.

`make aws-build` does this and more. `lambda` is a word of Python's own, so the code is in aws/build/function.py, where
it can be imported; only `-m` finds this file.
"""

import sys
from pathlib import Path
from typing import cast

from aws.build.function import MB, build_function
from aws.build.parts import Arch
from marquee.errors import MarqueeError


def main(arguments: list[str]) -> int:
    """Build, and print what was built; the exit code."""
    if not 1 <= len(arguments) <= 3 or (len(arguments) == 3 and arguments[2] not in {"x86_64", "arm64"}):
        print(__doc__, file=sys.stderr)
        return 2
    bundle, folder, arch = [*arguments, *("artifacts", "build/aws", "arm64")[len(arguments) :]]
    try:
        made = build_function(Path(bundle), Path(folder), cast("Arch", arch))
    except MarqueeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for built in (made.code, made.packages, made.bundle):
        print(f"{built.path}  {built.packed / MB:.1f} MB, {built.unpacked / MB:.1f} unpacked  sha256 {built.sha256}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
