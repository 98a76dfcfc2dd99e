#!/bin/sh
# Any Python can run start.py, which looks for the right one. Once set up, it no longer needs the stick.
here=$(cd "$(dirname "$0")" && pwd)
for candidate in python3 python3.12 python3.13 python; do
    if command -v "$candidate" >/dev/null 2>&1; then
        exec "$candidate" "$here/start.py" "$@"
    fi
done
echo "No Python here. Install one that README.txt names, from python.org, and start again." >&2
exit 1
