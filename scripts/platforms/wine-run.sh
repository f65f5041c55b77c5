#!/bin/sh
# Cargo's runner for Windows programs: runs one under Wine, in a prefix of its own. When root calls it, it steps
# down to nobody first, because root may write to read-only files and then a test of that would prove nothing.
set -eu
: "${KEEPWELL_PLATFORMS:?the folder of the toolchain, set by scripts/platforms.mjs}"
export WINEPREFIX="$KEEPWELL_PLATFORMS/wine/prefix" HOME="$KEEPWELL_PLATFORMS/wine"
export WINEDEBUG=-all WINEDLLOVERRIDES="mscoree=;mshtml="
if [ "$(id -u)" = 0 ]; then
    exec setpriv --reuid=nobody --regid=nogroup --clear-groups -- wine "$@"
fi
exec wine "$@"
