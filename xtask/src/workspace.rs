//! Where the workspace is, and commands that run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, bail};

/// The workspace's root folder.
pub fn root() -> Result<PathBuf> {
    // Cargo sets this for what it runs. The path at compile time would be wrong
    // in a second checkout that shares the target folder.
    let manifest = env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    let manifest = PathBuf::from(manifest);
    Ok(manifest.parent().context("xtask has no parent folder")?.to_owned())
}

/// The target folder that cargo builds into.
pub fn target() -> Result<PathBuf> {
    Ok(match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root()?.join(folder),
        None => root()?.join("target"),
    })
}

/// The target folder of the examples, which are a workspace of their own.
pub fn examples_target() -> Result<PathBuf> {
    Ok(match env::var_os("CARGO_TARGET_DIR") {
        Some(_) => target()?.join("examples"),
        None => root()?.join("allocator/examples/target"),
    })
}

/// A release build of one example, by its package and what else cargo is to know.
pub fn build_example(package: &str, arguments: &[&str]) -> Result<PathBuf> {
    let examples = examples_target()?;
    // Alone: what another example wants of the allocator is not this one's.
    let mut command = cargo(&["build", "--release", "--package", package])?;
    command.args(arguments);
    command.args(["--manifest-path", "allocator/examples/Cargo.toml", "--target-dir"]);
    run(command.arg(&examples))?;
    Ok(examples.join("release").join(package))
}

/// Where cargo keeps what it downloads.
pub fn cargo_home() -> Result<PathBuf> {
    Ok(match env::var_os("CARGO_HOME") {
        Some(folder) => root()?.join(folder),
        None => env::home_dir().context("there is no home folder")?.join(".cargo"),
    })
}

/// Deletes a folder, if it is there.
pub fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    Ok(())
}

/// A program that will run in the workspace's root, without standard input.
pub fn command(program: &str, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()?).stdin(Stdio::null());
    Ok(command)
}

/// A cargo command.
pub fn cargo(arguments: &[&str]) -> Result<Command> {
    // The cargo that runs this chore, so that a chosen toolchain stays chosen.
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    command(&cargo, arguments)
}

/// Shows and runs a command; a failure is an error that names it.
pub fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", shown(command));
    let status = command.status().with_context(|| shown(command))?;
    check(command, status)
}

/// Runs a command and returns what it printed; a failure is an error.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().with_context(|| shown(command))?;
    check(command, output.status)?;
    String::from_utf8(output.stdout).with_context(|| format!("output of {}", shown(command)))
}

/// An error unless the command ended well.
pub fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// The command as one would type it.
pub fn shown(command: &Command) -> String {
    let mut line = String::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            line += &format!("{}={} ", name.display(), quoted(&value.to_string_lossy()));
        }
    }
    let program = Path::new(command.get_program());
    line += &program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    for argument in command.get_args() {
        line += &format!(" {}", quoted(&argument.to_string_lossy()));
    }
    line
}

fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains([' ', '*', '$', '\'']) {
        format!("{word:?}")
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_types_it() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command.args(["doc", "--", "two words"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(shown(&command), "RUSTDOCFLAGS=\"-D warnings\" cargo doc -- \"two words\"");
    }

    #[test]
    fn a_failed_command_is_an_error_that_names_it() {
        let error = run(&mut Command::new("false")).unwrap_err();
        assert!(error.to_string().starts_with("`false` ended with"), "{error}");
    }
}
