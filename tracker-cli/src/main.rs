//! Reads the logs of the scrubjay allocator: who held the memory, when, and
//! whether the secrets are gone.
#![forbid(unsafe_code)]

mod amount;
mod analysis;
mod budget;
mod commands;
mod error;
mod output;
mod progress;
mod session;
#[cfg(test)]
mod tests;
mod text;
mod whole_file;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use commands::Cli;
use session::Session;

fn main() -> ExitCode {
    let stdout = Box::new(io::stdout());
    run(std::env::args_os(), stdout, Box::new(io::stderr())).into()
}

/// Answers one command line; the exit code.
fn run(
    arguments: impl IntoIterator<Item = OsString>,
    stdout: Box<dyn Write>,
    mut stderr: Box<dyn Write>,
) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout; nobody is left to tell if that
            // does not work.
            let _ = error.print();
            return if error.use_stderr() { error::EXIT_USAGE } else { error::EXIT_FINE };
        }
    };
    cli.shared.start_diagnostics();
    let answered = Session::new(&cli.shared, stdout, &mut *stderr)
        .and_then(|session| cli.command.run(session));
    match answered {
        Ok(exit_code) => exit_code,
        Err(error) => {
            // Where stderr is closed the exit code has to do.
            let _ = writeln!(stderr, "scrubjay: {error}");
            error.exit_code()
        }
    }
}
