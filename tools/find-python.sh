#!/bin/sh
# Print the first Python that is new enough; say what to do where there is none.
# `python` comes first because a pyenv gives it the version of .python-version.
for candidate in python python3.12 python3.13 python3.14 python3; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; then
        command -v "$candidate"
        exit 0
    fi
done
echo "No Python 3.12 or newer found (tried: python, python3.12, python3.13, python3.14, python3)." >&2
echo "Install one, for example with your system's packages or with 'pyenv install 3.12', and try again." >&2
exit 1
