//! A process that plays a role: this very program, once more.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::harness::{self, ROLE};
use crate::system;

/// After so long a child hangs, and is killed.
const PATIENCE: Duration = Duration::from_secs(120);

/// A child that is not started yet.
pub struct Child {
    command: Command,
}

/// A child of the claim that this module is about.
#[macro_export]
macro_rules! child {
    () => {
        $crate::child::Child::of(module_path!())
    };
}

impl Child {
    /// A child that plays the role of the claim of a module, without any of
    /// scrubjay's settings.
    pub fn of(module: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("programs have a path"));
        Self::prepare(&mut command, module);
        Self { command }
    }

    /// The same, of another file that holds this very program.
    pub fn of_copy(program: &Path, module: &str) -> Self {
        let mut command = Command::new(program);
        Self::prepare(&mut command, module);
        Self { command }
    }

    /// The same, run by another program that takes it as its arguments.
    pub fn under(program: &str, arguments: &[&str], module: &str) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).arg(std::env::current_exe().expect("programs have a path"));
        Self::prepare(&mut command, module);
        Self { command }
    }

    fn prepare(command: &mut Command, module: &str) {
        let claim = module.rsplit("::").next().unwrap_or(module);
        command.args([ROLE, claim]);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("SCRUBJAY_") && text != "SCRUBJAY_SOAK" {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    }

    /// Adds an argument of the role.
    pub fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Sets a variable of the environment.
    pub fn setting(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Has the child write a log.
    pub fn log(self, path: &Path) -> Self {
        self.setting("SCRUBJAY_LOG", path)
    }

    /// Has the child run in a folder.
    pub fn folder(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    /// Has it run as another user, of a group of the same number. For root.
    pub fn user(mut self, id: u32) -> Self {
        self.command.uid(id).gid(id);
        self
    }

    /// Limits the size of its files, in bytes.
    pub fn file_size_limit(mut self, bytes: u64) -> Self {
        system::limit_file_size(&mut self.command, bytes);
        self
    }

    /// Starts it.
    pub fn start(mut self) -> Running {
        let mut child = self.command.spawn().expect("the program can be started");
        let output = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let mut errors = child.stderr.take().expect("stderr is a pipe");
        let errors = thread::spawn(move || {
            let mut bytes = Vec::new();
            errors.read_to_end(&mut bytes).map(|_| bytes)
        });
        Running { input: child.stdin.take(), output, errors, child }
    }

    /// Starts it and waits for its end.
    pub fn run(self) -> Finished {
        self.start().finish()
    }

    /// As [`Child::run`], and it must succeed.
    pub fn succeed(self) -> Finished {
        let finished = self.run();
        assert!(finished.status.success(), "{finished:?}");
        finished
    }
}

/// A child that runs.
pub struct Running {
    child: std::process::Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    errors: thread::JoinHandle<std::io::Result<Vec<u8>>>,
}

impl Running {
    /// Its process id.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it prints; empty once it has ended.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a child prints text");
        line.trim_end().to_owned()
    }

    /// Lines until it waits, see [`pause`].
    pub fn lines_until_pause(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.line() {
                line if line == PAUSED => return lines,
                line if line.is_empty() => panic!("the child ended before it paused: {lines:?}"),
                line => lines.push(line),
            }
        }
    }

    /// Has it go on after a pause.
    pub fn go_on(&mut self) {
        let input = self.input.as_mut().expect("a child that runs can be told to go on");
        writeln!(input).expect("a child that pauses listens");
    }

    /// Kills it; it may be waited for by [`Running::finish`].
    pub fn kill(&mut self) {
        self.child.kill().expect("the child is ours, and was not waited for");
    }

    /// Waits for its end; what it has printed so far is not in the answer.
    pub fn finish(mut self) -> Finished {
        drop(self.input.take());
        let process = self.child.id();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut output = Vec::new();
            let read = self.output.read_to_end(&mut output);
            let errors = self.errors.join().expect("reading does not panic");
            // The receiver has gone where the child was given up.
            let _ = sender.send((read.map(|_| output), errors, self.child.wait()));
        });
        let patience = PATIENCE * harness::count(1, 10) as u32;
        match receiver.recv_timeout(patience) {
            Ok((output, errors, status)) => Finished {
                process,
                status: status.expect("a child can be waited for"),
                output: String::from_utf8_lossy(&output.expect("a child prints")).into_owned(),
                errors: String::from_utf8_lossy(&errors.expect("a child prints")).into_owned(),
            },
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                let _ = Command::new("kill").args(["-9", &process.to_string()]).status();
                panic!("the child hangs: not done after {patience:?}");
            }
        }
    }
}

/// A child that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Its process id.
    pub process: u32,
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub output: String,
    /// What it wrote to standard error.
    pub errors: String,
}

const PAUSED: &str = "-- paused --";

/// In a child: waits until the parent has it go on. Once it says so, it takes
/// nothing from the heap: the parent reads its memory and its log at rest.
pub fn pause() {
    println!("{PAUSED}");
    system::wait_for_input();
}
