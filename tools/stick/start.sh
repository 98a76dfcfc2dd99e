#!/bin/sh
# Any Python can run start.py, which looks for the right one; a Mac's own python3 may only offer to be installed, so it is not tried first.
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
PATH=$PATH:/usr/local/bin:/opt/homebrew/bin # where a Mac's Pythons are, also for who has changed the shell's settings
for candidate in python3.14 python3.13 python3.12 python3 python; do
    if "$candidate" -c "" >/dev/null 2>&1; then
        exec "$candidate" "$here/start.py" "$@"
    fi
done
echo "No Python here. Install one that README.txt names, from python.org, and start again." >&2
exit 1
