//! Instructions that a program executes, counted by Valgrind's callgrind.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::workspace;

/// Instructions of a run's main thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// In the program's own file: what is compiled here, and repeats exactly.
    pub program: u64,
    /// In all files. The C library picks its memset and memcpy by the
    /// processor, so this differs between machines.
    pub all: u64,
}

/// Runs a program under callgrind, in its own folder and by its mere name: the
/// heap holds the arguments, and where it is depends on how long they are.
pub fn count(program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Count> {
    let folder = workspace::target()?.join("callgrind");
    fs::create_dir_all(&folder).context("making a folder for callgrind's output")?;
    let out = folder.join("out");
    let out_option = format!("--callgrind-out-file={}", out.display());
    // Each thread apart: what a helper thread does is not what a caller pays.
    let mut command = workspace::command(
        "valgrind",
        &["--quiet", "--tool=callgrind", "--separate-threads=yes", &out_option],
    )?;
    let name = program.file_name().context("a program has a name")?;
    command.arg(Path::new(".").join(name)).args(arguments);
    command.current_dir(program.parent().context("a program is in a folder")?);
    command.envs(environment.iter().copied());
    workspace::output(&mut command)?;
    let main_thread = out.with_extension("").display().to_string() + "-01";
    let profile = fs::read_to_string(&main_thread).context("reading callgrind's output")?;
    fs::remove_dir_all(&folder).context("removing callgrind's output")?;
    Ok(add_up(&profile, &program.display().to_string()))
}

/// Adds up what lines cost by themselves, in one file and in all.
fn add_up(profile: &str, program: &str) -> Count {
    let mut count = Count::default();
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut in_program = false;
    let mut is_call = false;
    for line in profile.lines() {
        if let Some(object) = line.strip_prefix("ob=") {
            in_program = named(object, &mut names) == program;
        } else if let Some(object) = line.strip_prefix("cob=") {
            // The callee's; it may be the first time that this name stands.
            named(object, &mut names);
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) {
            // After `calls=` stands what the callee cost, counted where it is at home.
            if !std::mem::take(&mut is_call) {
                let cost = line.split(' ').nth(1).and_then(|cost| cost.parse().ok()).unwrap_or(0);
                count.all += cost;
                count.program += if in_program { cost } else { 0 };
            }
        }
    }
    count
}

/// Resolves `(3) /path`, which later is written as `(3)`.
fn named<'a>(object: &'a str, names: &mut HashMap<&'a str, &'a str>) -> &'a str {
    match object.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(object).copied().unwrap_or(object),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_of_lines_add_up_and_costs_of_calls_do_not() {
        let profile = "version: 1\nevents: Ir\n\nob=(1) /bin/program\nfl=(1) main.rs\n\
                       fn=(1) main\n10 5\n+1 2\ncob=(2) /lib/libc.so.6\ncfn=(2) malloc\n\
                       calls=3 0\n* 300\n-1 1\n\nob=(2)\nfn=(2)\n0 300\n\nob=(1)\nfn=(1)\n12 4\n\
                       totals: 312\n";
        assert_eq!(add_up(profile, "/bin/program"), Count { program: 12, all: 312 });
    }
}
