//! `cargo xtask CHORE`: what the workspace does for itself.
//!
//! One file a chore. `ci` is what every change must pass; `soak` is what takes
//! longer than a change can wait for.

use std::process::ExitCode;

mod attack;
mod batch;
mod bench;
mod callgrind;
mod ci;
mod claims;
mod demo;
mod dependencies;
mod exports;
mod features;
mod foreign;
mod instructions;
mod leaks;
mod msrv;
mod readme;
mod server;
mod soak;
mod step;
mod targets;
mod tidy;
mod tools;
mod workspace;

/// What a chore is called, what it does, and the function that does it.
type Chore = (&'static str, &'static str, fn(&[String]) -> anyhow::Result<()>);

const CHORES: &[Chore] = &[
    ("demo", "run the language model, show its report, attack its memory", demo::run),
    ("server", "an inference server under ten times the load that its budget allows", server::run),
    ("ci", "everything that a change must pass, or the steps named", ci::run),
    ("soak", "the long versions of the tests", soak::run),
    (
        "foreign",
        "other people's tests: with the three lines, with C's memory wiped, under leak checks",
        foreign::run,
    ),
    ("batch", "run the batch job: a table whole and in chunks, what each way held", batch::run),
    ("attack", "look for what was freed, in release builds with and without LTO", attack::run),
    ("leaks", "leak checkers side by side, over cases whose truth is known", leaks::run),
    ("tidy", "the rules of the house, over the sources", tidy::run),
    ("bench", "the cost table: --quick, --update-instructions, --instructions", bench::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = arguments.first().map_or("", String::as_str);
    let Some((_, _, chore)) = CHORES.iter().find(|(chore, ..)| *chore == name) else {
        if !name.is_empty() && name != "help" && name != "--help" {
            eprintln!("error: there is no chore named {name:?}");
        }
        eprintln!("usage: cargo xtask CHORE\n");
        for (chore, does, _) in CHORES {
            eprintln!("  {chore:7} {does}");
        }
        return ExitCode::from(2);
    };
    match chore(&arguments[1..]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
