#!/bin/sh
# Cargo's runner for Windows programs: runs one under Wine, in a prefix of its own. When root calls it, it steps
# down to nobody first, because root may write to read-only files and then a test of that would prove nothing.
set -eu
: "${KEEPWELL_PLATFORMS:?the folder of the toolchain, set by scripts/platforms.mjs}"
export WINEPREFIX="$KEEPWELL_PLATFORMS/wine/prefix" HOME="$KEEPWELL_PLATFORMS/wine"
export WINEDEBUG=-all WINEDLLOVERRIDES="mscoree=;mshtml="
run() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=nobody --regid=nogroup --clear-groups -- wine "$@"
    else
        wine "$@"
    fi
}

# Once in some hundred starts Wine itself dies before the program runs: with 1, and not a word. A failing test says
# why and ends with 101, so only such a start is made again, once, and said.
said="$(mktemp)"
trap 'rm -f "$said"' EXIT
status=0
run "$@" >"$said" || status=$?
if [ "$status" = 1 ] && [ ! -s "$said" ]; then
    echo "Wine did not start the program; trying once more" >&2
    status=0
    run "$@" >"$said" || status=$?
fi
cat "$said"
exit "$status"
