//! A test program whose tests start the program itself once more, in a role: a
//! fact about a whole process needs a process of its own.
//!
//! A claim is a module with a `test` and, where it needs one, a `child`. The
//! output is that of Rust's own harness, so that results can be added up.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::time::Instant;

/// The first argument of a program that is to play a role.
pub(crate) const ROLE: &str = "--role";

/// A test and the role that belongs to it.
pub struct Claim {
    /// What is claimed: the name of the module.
    pub name: &'static str,
    /// Panics where it does not hold.
    pub test: fn(),
    /// What the child does, by its arguments.
    pub child: fn(&[String]),
}

/// The claims of a program, by their modules.
#[macro_export]
macro_rules! claims {
    ($($module:ident),* $(,)?) => {
        &[$($crate::harness::Claim {
            name: stringify!($module),
            test: $module::test,
            child: $module::child,
        }),*]
    };
}

/// Why a test did not run.
struct Skipped(String);

/// Ends a test that cannot run here. It is shown as ignored, with the reason.
pub fn skip(why: impl Into<String>) -> ! {
    panic::panic_any(Skipped(why.into()))
}

/// Whether the long numbers are asked for.
pub fn is_soak() -> bool {
    std::env::var_os("SCRUBJAY_SOAK").is_some_and(|value| value == "1")
}

/// A count for every run, and one for those that may take their time.
pub fn count(usual: usize, soak: usize) -> usize {
    if is_soak() { soak } else { usual }
}

/// Plays the role that the arguments name, else runs the claims they select.
pub fn main(claims: &[Claim]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((ROLE, rest)) = arguments.split_first().map(|(first, rest)| (&first[..], rest)) {
        return play(claims, rest);
    }
    let exact = arguments.iter().any(|argument| argument == "--exact");
    let names: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    let is_selected = |claim: &&Claim| {
        let selects = |name: &&String| {
            if exact { claim.name == **name } else { claim.name.contains(name.as_str()) }
        };
        names.is_empty() || names.iter().any(selects)
    };
    let selected: Vec<&Claim> = claims.iter().filter(is_selected).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        selected.iter().for_each(|claim| println!("{}: test", claim.name));
        return ExitCode::SUCCESS;
    }
    run(&selected, claims.len())
}

fn play(claims: &[Claim], arguments: &[String]) -> ExitCode {
    let claim = arguments.first().and_then(|name| claims.iter().find(|claim| claim.name == name));
    let Some(claim) = claim else {
        eprintln!("no such role: {arguments:?}");
        return ExitCode::from(2);
    };
    (claim.child)(&arguments[1..]);
    ExitCode::SUCCESS
}

fn run(selected: &[&Claim], all: usize) -> ExitCode {
    let start = Instant::now();
    println!("\nrunning {} tests", selected.len());
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    let usual_hook = panic::take_hook();
    panic::set_hook(Box::new(move |information| {
        if !information.payload().is::<Skipped>() {
            usual_hook(information);
        }
    }));
    for claim in selected {
        let outcome = panic::catch_unwind(AssertUnwindSafe(claim.test));
        let shown = match outcome {
            Ok(()) => {
                passed += 1;
                "ok".to_owned()
            }
            Err(payload) => match skip_reason(payload) {
                Some(why) => {
                    ignored += 1;
                    format!("ignored, {why}")
                }
                None => {
                    failed += 1;
                    "FAILED".to_owned()
                }
            },
        };
        println!("test {} ... {shown}", claim.name);
    }
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {result}. {passed} passed; {failed} failed; {ignored} ignored; \
         0 measured; {} filtered out; finished in {:.2}s\n",
        all - selected.len(),
        start.elapsed().as_secs_f64()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

fn skip_reason(payload: Box<dyn Any + Send>) -> Option<String> {
    payload.downcast::<Skipped>().ok().map(|skipped| skipped.0)
}

/// For claims that need no child.
pub fn no_child(arguments: &[String]) {
    panic!("this claim has no role to play: {arguments:?}");
}
