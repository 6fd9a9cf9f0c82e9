//! A server of a small language model that sheds load before it runs out of memory:
//! requests have bills, what they need has a budget, and what does not fit is answered
//! with 503.
//!
//! Three lines give it scrubjay: the allocator below, and a tag with its scope
//! wherever memory has a purpose (`tags.rs` lists them).

mod arguments;
mod check;
mod client;
#[cfg(feature = "counted")]
mod counting;
mod error;
mod model;
mod pressure;
mod process;
mod prompt_cache;
mod routes;
mod server;
mod tags;
mod weights;
mod workers;

use std::process::ExitCode;

#[cfg(not(feature = "system"))]
use scrubjay::{Budget, Config, Scrubjay};

use crate::arguments::{Arguments, Mode};

/// In force from the first block on; the command line says how much it really is.
#[cfg(not(feature = "system"))]
const CONFIG: Config = Config::new().budget(Budget::unlimited());

#[cfg(not(any(feature = "system", feature = "counted")))]
#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::with(CONFIG);

#[cfg(feature = "counted")]
#[global_allocator]
static ALLOCATOR: Scrubjay<scrubjay::Over<counting::Counting>> =
    Scrubjay::over_with(counting::Counting, CONFIG);

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{}", arguments::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let ended = match arguments.mode {
        Mode::Serve => server::run(&arguments),
        Mode::Check => check::run(&arguments),
        Mode::Load => check::measure(&arguments),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
