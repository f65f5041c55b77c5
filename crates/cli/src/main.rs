//! `keepwell`: the command line.
//!
//! Noun, then verb; one file per command. Invariants: data goes to standard output, everything else to the error stream;
//! a password is never taken from an argument; the exit code says how it ended (0 done, 1 failed, 2 wrong usage, 3 done
//! with problems, 4 halted by a safety brake, 130 cancelled). Deliberately not here: any work (`keepwell_api`).

mod arguments;
mod arguments_pair;
mod arguments_place;
mod arguments_sync;
mod commands;
mod context;
mod documents;
mod ending;
mod follow;
mod interrupt;
mod output;
mod paths;
mod trust;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    // Wrong usage ends here with 2.
    let arguments = Arguments::parse();
    interrupt::listen();
    match commands::run(arguments) {
        Ok(ending) => ending.into(),
        Err(error) => {
            output::error(&error);
            ending::Ending::of_error(&error).into()
        }
    }
}
