//! Budgets that are written by `check --update`.

use scrubjay_log_format::{Mode, TagClass};

use super::check::Held;
use super::log::{Log, declared};

fn log() -> Log {
    let mut log = Log::default();
    log.alloc(1, 10_000, (0x1000, 20_000), 1);
    log.alloc(2, 20_000, (0x2000, 50), 2);
    log.free(1, 50_000, (0x2000, 50), 2);
    log
}

const NEW: &str = r#"scrubjay-budget = 1
tolerance = "5%"

[process]
peak = "19.59 KiB"
live = "19.54 KiB"
allocated = "19.59 KiB"
allocations = 2

[tags."model/weights"]
peak = "19.54 KiB"
live = "19.54 KiB"
allocated = "19.54 KiB"
allocations = 1

[tags.prompt]
peak = 50
live = 0
allocated = 50
allocations = 1
"#;

#[test]
fn a_new_budget_is_what_the_run_took_and_then_holds() {
    let held = Held::new(&log().bytes());
    let said = held.check("--update");
    assert_eq!((said.exit_code, said.err.as_str()), (0, ""), "{said:?}");
    let written = held.written();
    let (comments, rest) = written.split_once("scrubjay-budget").unwrap();
    assert!(comments.lines().all(|line| line.starts_with('#')), "{comments}");
    assert_eq!(format!("scrubjay-budget{rest}"), NEW);
    assert!(said.out.contains("  Written, 12 lines.\n"), "{}", said.out);
    let said = held.check("--strict");
    assert_eq!(said.exit_code, 0, "{said:?}");
    assert!(said.out.contains("All 12 lines hold."), "{}", said.out);
    let before = std::fs::metadata(held.path()).unwrap().modified().unwrap();
    let said = held.check("--update");
    assert!(said.out.contains("It says so already; nothing was written."), "{}", said.out);
    assert_eq!(std::fs::metadata(held.path()).unwrap().modified().unwrap(), before);
}

#[test]
fn what_is_written_holds_the_bound_of_a_peak_too() {
    let mut bytes = Log { mode: Mode::Count, ..Log::with_traffic(300) }.bytes();
    use scrubjay_log_format::process;
    let quantum = process::OFFSET + process::QUANTUM * 8;
    super::log::put_words(&mut bytes, quantum, &[50]);
    let held = Held::new(&bytes);
    held.budget("scrubjay-budget = 1\n[process]\npeak = 1\n");
    assert_eq!(held.check("--update").exit_code, 0);
    let said = held.check("");
    assert_eq!(said.exit_code, 0);
    assert!(said.out.contains(" lines hold."), "{}", said.out);
}

#[test]
fn comments_order_and_ways_of_writing_stay() {
    let held = Held::new(&log().bytes());
    held.budget(
        r#"# Ours.
scrubjay-budget = 1   # the version

[tags.prompt]  # it is secret
live = 7
# Two frames of it.
peak = { limit = "40 B", tolerance = "10%" } # grows
allocated = 0x30

[process]
live = 1_000 # bytes
peak = "1 KiB"

# The end.
"#,
    );
    let said = held.check("--update --headroom 10%");
    assert_eq!(said.exit_code, 0, "{said:?}");
    let expected = r#"# Ours.
scrubjay-budget = 1   # the version

[tags.prompt]  # it is secret
live = 0
# Two frames of it.
peak = { limit = 55, tolerance = "10%" } # grows
allocated = 55

[tags."model/weights"]
peak = "21.49 KiB"
live = "21.49 KiB"
allocated = "21.49 KiB"
allocations = 1

[process]
live = 22_000 # bytes
peak = "21.54 KiB"

# The end.
"#;
    assert_eq!(held.written(), expected);
    let changed = "  prompt\n    live             7 B       0 B\n";
    assert!(said.out.contains(changed), "{}", said.out);
    assert!(said.out.contains("  Written, 9 lines changed.\n"), "{}", said.out);
}

#[test]
fn tags_that_are_gone_go_unless_they_are_to_be_kept() {
    let held = Held::new(&log().bytes());
    let gone = "\n# Long ago.\n[tags.gone]\npeak = 5\nlive = { limit = 3, tolerance = \"1%\" }\n";
    held.budget(&format!("{NEW}{gone}"));
    let said = held.check("--update --keep");
    assert_eq!(held.written(), format!("{NEW}{gone}"));
    assert!(said.out.contains("  gone is not in this run; its lines were kept"), "{}", said.out);
    let said = held.check("--update");
    assert_eq!(held.written(), NEW);
    assert!(
        said.out.contains("  gone\n    peak  5 B  none\n    live  3 B  none\n"),
        "{}",
        said.out
    );
}

#[test]
fn tags_in_lines_of_a_table_are_joined_by_such() {
    let held = Held::new(&log().bytes());
    held.budget("scrubjay-budget = 1\n[tags]\nprompt = { peak = 1, live = 1 }\n");
    assert_eq!(held.check("--update").exit_code, 0);
    let expected = "scrubjay-budget = 1\n[tags]\nprompt = { peak = 50, live = 0 }\n\
        \"model/weights\" = { peak = \"19.54 KiB\", live = \"19.54 KiB\", \
        allocated = \"19.54 KiB\", allocations = 1 }\n";
    assert_eq!(held.written(), expected);
}

#[test]
fn what_is_no_budget_is_never_overwritten() {
    let held = Held::new(&log().bytes());
    for text in ["", "[package]\nname = \"mine\"\n", "a picture", "scrubjay-budget = 2\n"] {
        held.budget(text);
        let said = held.check("--update");
        assert_eq!((said.exit_code, said.out.as_str()), (3, ""), "{said:?}");
        assert_eq!(held.written(), text);
    }
    std::fs::write(held.path(), [0xFF, 0xFE, 0]).unwrap();
    assert_eq!(held.check("--update").exit_code, 3);
    assert_eq!(std::fs::read(held.path()).unwrap(), [0xFF, 0xFE, 0]);
    // Nothing but the log and the file is left in the folder.
    assert_eq!(std::fs::read_dir(held.path().parent().unwrap()).unwrap().count(), 2);
}

#[test]
fn a_link_stays_one_and_a_broken_one_is_named() {
    let held = Held::new(&log().bytes());
    let target = held.path().with_file_name("target.toml");
    std::os::unix::fs::symlink(&target, held.path()).unwrap();
    let said = held.check("--update");
    assert_eq!(said.exit_code, 3, "{said:?}");
    std::fs::write(&target, "scrubjay-budget = 1\n[process]\nlive = 3\n").unwrap();
    assert_eq!(held.check("--update").exit_code, 0);
    assert!(held.path().symlink_metadata().unwrap().is_symlink());
    let written = std::fs::read_to_string(&target).unwrap();
    assert!(written.contains("live = 20_000\n"), "{written}");
}

#[test]
fn what_scrubjay_takes_for_itself_is_written_only_where_it_was() {
    let mut log = log();
    log.tags.push(declared("scrubjay", TagClass::Public));
    log.alloc(1, 60_000, (0x5000, 300), 3);
    let held = Held::new(&log.bytes());
    assert_eq!(held.check("--update").exit_code, 0);
    assert!(!held.written().contains("tags.scrubjay"), "{}", held.written());
    let said = held.check("--strict");
    assert_eq!(said.exit_code, 0, "{}", said.out);
    held.budget("scrubjay-budget = 1\n[tags.scrubjay]\npeak = 1\n");
    assert_eq!(held.check("--update").exit_code, 0);
    assert!(held.written().contains("[tags.scrubjay]\npeak = 300\n"), "{}", held.written());
}

#[test]
fn options_of_the_one_are_refused_with_the_other() {
    let held = Held::new(&log().bytes());
    held.budget(NEW);
    for options in ["--keep", "--headroom 5%", "--update --strict", "--update --headroom 5"] {
        assert_eq!(held.check(options).exit_code, 2, "{options}");
    }
    assert_eq!(held.written(), NEW);
}
