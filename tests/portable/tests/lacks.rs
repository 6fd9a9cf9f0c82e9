//! What the small allocator lacks it says in one line, and refuses.

use std::process::{Command, Output};

use scrubjay_portable::IS_ELSEWHERE;

const HEARS: &str = env!("CARGO_BIN_EXE_hears");

fn output(program: &str, argument: &str) -> Output {
    let mut command = Command::new(program);
    command.arg(argument);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SCRUBJAY_")) {
        command.env_remove(name);
    }
    command.output().expect("the program starts")
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect()
}

#[test]
fn what_is_missing_is_said_in_one_line_and_once() {
    for argument in ["nothing", "calls"] {
        let output = output(HEARS, argument);
        assert!(output.status.success(), "{output:?}");
        let lines = lines(&output);
        assert_eq!(lines.len(), usize::from(IS_ELSEWHERE), "{lines:?}");
        for line in lines {
            assert!(line.starts_with("scrubjay: ") && line.contains("no log"), "{line}");
            assert!(line.ends_with("budgets are not enforced"), "{line}");
        }
    }
}

#[test]
fn who_has_another_allocator_hears_nothing() {
    let output = output(env!("CARGO_BIN_EXE_has-another"), "");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(lines(&output), Vec::<String>::new());
}

#[test]
fn an_overflow_is_named_and_ends_the_process() {
    let output = output(HEARS, "overflow");
    assert!(!output.status.success(), "{output:?}");
    let last = lines(&output).pop().unwrap_or_default();
    assert!(last.contains("overflow by at least one byte") && last.contains("100 bytes"), "{last}");
}
