#!/bin/sh
# A rustc wrapper for building the standard library: panic_abort must be compiled with the panic strategy it
# implements, every other crate with the one that unwinds. Cargo calls it as `wrapper rustc arguments…`.
case " $* " in
    *" --crate-name panic_abort "*) exec "$@" -Cpanic=abort ;;
    *) exec "$@" ;;
esac
