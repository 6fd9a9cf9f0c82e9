//! What a failing leak check says.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use scrubjay::{Config, Cycle, HeldBy, LeakCheck, LeakKind, LeakReport, Scrubjay, Tag};

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::with(Config::new().live_blocks(true).stacks(true));

/// How often each shape is leaked: some may be held by words from before, where
/// other blocks had their addresses.
const TIMES: u64 = 20;

#[derive(Default)]
struct Node {
    _weight: [u64; 4],
    links: RefCell<[Option<Rc<Node>>; 2]>,
}

impl Node {
    /// Each function that makes one gives another weight: else they are one function
    /// to the optimiser.
    fn of(weight: u64) -> Self {
        Self { _weight: [weight; 4], ..Self::default() }
    }

    fn hold(&self, at: usize, other: &Rc<Self>) {
        self.links.borrow_mut()[at] = Some(other.clone());
    }
}

#[inline(never)]
fn hub() -> Rc<Node> {
    black_box(Rc::new(Node::of(1)))
}

#[inline(never)]
fn left() -> Rc<Node> {
    black_box(Rc::new(Node::of(2)))
}

#[inline(never)]
fn right() -> Rc<Node> {
    black_box(Rc::new(Node::of(3)))
}

fn leak(shape: fn()) -> LeakReport {
    let check = LeakCheck::new().settle(Duration::ZERO);
    check.run(|| (0..TIMES).for_each(|_| shape())).unwrap()
}

/// The only cycle of a report, of which most were found.
fn only_cycle(report: &LeakReport) -> Cycle {
    let [cycle] = &report.cycles[..] else { panic!("one cycle: {report}") };
    assert!((TIMES - 5..=TIMES).contains(&cycle.count), "{report}");
    cycle.clone()
}

fn functions(cycle: &Cycle) -> Vec<String> {
    let name = |member: &scrubjay::Member| {
        let frame = member.frame.as_ref().expect("a frame");
        assert!(frame.file.as_ref().unwrap().ends_with("tests/tests/leak_reports.rs"));
        frame.function.rsplit("::").next().unwrap().to_owned()
    };
    cycle.members.iter().map(name).collect()
}

fn two() {
    let (hub, left) = (hub(), left());
    hub.hold(0, &left);
    left.hold(1, &hub);
}

#[test]
fn a_ring_of_two_is_one_cycle_however_often() {
    let report = leak(two);
    let cycle = only_cycle(&report);
    assert_eq!(functions(&cycle), ["hub", "left"]);
    let sizes = cycle.members.iter().map(|member| member.bytes);
    assert!(sizes.eq([72, 72]), "{report}");
    let mut offsets: Vec<u64> = cycle.members.iter().map(|member| member.offset.unwrap()).collect();
    offsets.sort();
    // Either link, behind two counts and the borrow's.
    assert_eq!(offsets[1] - offsets[0], 8, "{report}");
    assert_eq!((cycle.ring_blocks, cycle.blocks), (2, 2 * cycle.count));
    assert_eq!(cycle.held_blocks, 0);
    let text = report.to_string();
    assert!(text.contains(&format!("\n  cycle of 2 blocks, {} times:\n    ┌→ ", cycle.count)));
    assert!(text.contains("\n    └─ 72 bytes, at +"), "{text}");
}

fn three() {
    let (hub, left, right) = (hub(), left(), right());
    hub.hold(0, &left);
    left.hold(0, &right);
    right.hold(0, &hub);
}

#[test]
fn members_stand_in_the_order_in_which_they_hold_each_other() {
    let cycle = only_cycle(&leak(three));
    assert_eq!(functions(&cycle), ["hub", "left", "right"]);
    let backwards = leak(|| {
        let (hub, left, right) = (hub(), left(), right());
        hub.hold(0, &right);
        right.hold(0, &left);
        left.hold(0, &hub);
    });
    assert_eq!(functions(&only_cycle(&backwards)), ["hub", "right", "left"]);
}

#[test]
fn one_that_holds_itself_is_a_cycle() {
    let report = leak(|| {
        let hub = hub();
        hub.hold(0, &hub);
    });
    assert_eq!(only_cycle(&report).ring_blocks, 1);
    assert!(report.to_string().contains("\n  a block that holds itself, "), "{report}");
}

fn eight() {
    let (hub, one, other, last) = (hub(), left(), right(), right());
    hub.hold(0, &one);
    one.hold(0, &hub);
    hub.hold(1, &other);
    other.hold(0, &last);
    last.hold(0, &hub);
}

#[test]
fn of_a_figure_eight_the_shorter_ring_is_drawn_and_the_rest_counted() {
    let report = leak(eight);
    let cycle = only_cycle(&report);
    assert_eq!(functions(&cycle), ["hub", "left"]);
    assert_eq!((cycle.ring_blocks, cycle.blocks), (2, 4 * cycle.count));
    let others = 2 * cycle.count;
    let text = report.to_string();
    assert!(text.contains(&format!("\n    {others} blocks more are held by it")), "{text}");
}

#[derive(Default)]
struct Parent {
    children: RefCell<Vec<Rc<Child>>>,
}

struct Child {
    _name: String,
    _parent: Rc<Parent>,
}

#[test]
fn a_strong_link_to_the_parent_is_drawn_through_the_list_of_children() {
    let report = leak(|| {
        let parent = black_box(Rc::new(Parent::default()));
        let child = || Rc::new(Child { _name: "n".repeat(60), _parent: parent.clone() });
        let children = vec![child(), child()];
        *parent.children.borrow_mut() = children;
    });
    let cycle = only_cycle(&report);
    assert_eq!((cycle.ring_blocks, cycle.blocks), (3, 4 * cycle.count), "{report}");
    // A name may be held by a word from before, too.
    assert!((2 * cycle.count - 5..=2 * cycle.count).contains(&cycle.held_blocks), "{report}");
    assert_eq!(cycle.held_bytes, 60 * cycle.held_blocks);
    assert!(report.to_string().contains(" blocks besides\n"), "{report}");
    let is_of = |holder| report.leaks.iter().any(|leak| leak.held_by == holder);
    assert!(is_of(HeldBy::Cycle) && is_of(HeldBy::Lost), "{report}");
}

/// But for how many were found.
#[test]
fn a_cycle_is_drawn_alike_each_time() {
    let drawn = |shape| {
        let text = leak(shape).to_string();
        let cycle: Vec<String> =
            text.lines().filter(|line| line.contains(" bytes, at +")).map(str::to_owned).collect();
        assert!(cycle.len() > 1, "{text}");
        cycle
    };
    for shape in [two as fn(), three, eight] {
        let first = drawn(shape);
        for _ in 0..3 {
            assert_eq!(drawn(shape), first);
        }
    }
}

#[test]
fn what_is_let_pass_is_not_drawn() {
    let known = || (0..TIMES).for_each(|_| two());
    let report = LeakCheck::new()
        .allow_site("leak_reports::two", "it is known")
        .run(|| {
            known();
            std::mem::forget(black_box(Box::new(1_u64)));
        })
        .unwrap();
    assert_eq!(report.cycles, [], "{report}");
}

#[test]
fn a_cycle_is_in_the_json() {
    let report: serde_json::Value = serde_json::from_str(&leak(two).to_json()).unwrap();
    let cycle = &report["cycles"][0];
    assert_eq!(cycle["ring_blocks"], 2);
    let member = &cycle["members"][1];
    assert_eq!(member["bytes"], 72);
    assert!(member["frame"]["function"].as_str().unwrap().ends_with("left"));
    assert!(member["offset"].is_u64());
}

/// Names are whatever a program has for names; a JUnit file may not hold all of it.
#[test]
fn no_character_of_a_report_is_one_that_a_terminal_obeys() {
    static TAG: Tag = Tag::new("red \u{1b}[31m \u{7f} \u{9b} \u{ffff}");
    const NAME: &str = "a\tthread\u{8}\n\u{1b}]0;x\u{7}";
    let report = LeakCheck::new()
        .name("check\u{1b}[2J\n")
        .rounds(1)
        .allow_site("no_such_function", "gone\u{1}")
        .dump("/no/such\u{b}folder")
        .run(|| {
            let leak = || {
                let _scope = TAG.enter();
                std::mem::forget(black_box(vec![1_u8; 99]));
            };
            let work = thread::Builder::new().name(NAME.to_owned()).spawn(leak);
            work.unwrap().join().unwrap();
        })
        .unwrap();
    let (text, json) = (report.to_string(), report.to_json());
    let is_bad = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{fffe}' | '\u{ffff}');
    assert_eq!(text.find(is_bad), None, "{text:?}");
    assert_eq!(json.find(|c: char| is_bad(c) || c == '\n'), None, "{json:?}");
    assert!(text.starts_with("check\\u{1b}[2J\\n leaks 99 bytes in 1 blocks\n"), "{text}");
    // The thread's name may be gone with it.
    assert!(text.contains("; tag red \\u{1b}[31m \\u{7f} \\u{9b} \\u{ffff}, a"), "{text}");
    assert!(text.contains("nothing to let pass: gone\\u{1}\n"), "{text}");
    assert!(text.contains("no log at /no/such\\u{b}folder: "), "{text}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["leaks"][0]["tag"], report.leaks[0].tag, "it says the same");
}

static NAMES: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn name_forever() {
    NAMES.lock().unwrap().push("n".repeat(60));
}

#[test]
fn what_grows_in_a_static_has_its_name() {
    let report = LeakCheck::new().run(name_forever).unwrap();
    let names = report.leaks.iter().find(|leak| leak.bytes % 60 == 0).expect("the names");
    assert_eq!((names.kind, names.held_by), (LeakKind::Growing, HeldBy::Static));
    assert_eq!((&*names.holder, names.through), ("leak_reports::NAMES", 1), "{report}");
    let text = report.to_string();
    let told = ", held by static leak_reports::NAMES through another block and growing: ";
    assert!(text.contains(told), "{text}");
    assert!(text.contains(", held by static leak_reports::NAMES and growing: "), "{text}");
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(json["leaks"][0]["holder"], "leak_reports::NAMES");
}

#[test]
fn a_leak_is_let_pass_by_the_name_of_its_static() {
    static TABLE: Mutex<Vec<String>> = Mutex::new(Vec::new());
    static OTHER: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let push = |table: &Mutex<Vec<String>>, size| table.lock().unwrap().push("n".repeat(size));
    let check = || {
        LeakCheck::new()
            .allow_held_by_static("by_the_name_of_its_static::TABLE", "names are never forgotten")
            .allow_held_by_static("no_such_static", "none")
    };
    let report = check().run(|| push(&TABLE, 70)).unwrap();
    assert!(report.is_ok(), "{report}");
    assert_eq!(report.unused, ["none"]);
    assert!(report.allowed.iter().all(|(_, reason)| reason == "names are never forgotten"));
    // Blocks of one place, by what holds them.
    let both = || [&TABLE, &OTHER].into_iter().for_each(|table| push(table, 80));
    let report = check().run(both).unwrap();
    let holders: BTreeSet<&str> = report.leaks.iter().map(|leak| &*leak.holder).collect();
    let path = "leak_reports::a_leak_is_let_pass_by_the_name_of_its_static::OTHER";
    assert_eq!(holders, BTreeSet::from([path]), "{report}");
    assert!(report.leaked_blocks() > 30, "{report}");
}

#[test]
fn what_a_thread_holds_has_the_name_of_the_thread() {
    thread_local! {
        static KEPT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    }
    let (asks, jobs) = channel::<()>();
    let (answers, done) = channel();
    let work = move || {
        for () in jobs {
            KEPT.with_borrow_mut(|kept| kept.push(black_box(vec![1; 333])));
            answers.send(()).unwrap();
        }
    };
    let mut work = Some(work);
    let report = LeakCheck::new()
        .run(|| {
            if let Some(work) = work.take() {
                let worker = thread::Builder::new().name("a-worker".to_owned());
                worker.spawn(work).unwrap();
            }
            asks.send(()).unwrap();
            done.recv().unwrap();
        })
        .unwrap();
    let kept = report.leaks.iter().find(|leak| leak.bytes % 333 == 0).expect("what is kept");
    assert_eq!((kept.held_by, &*kept.holder), (HeldBy::ThreadLocal, "a-worker"), "{report}");
    assert!(report.to_string().contains(", held by a thread-local of a-worker through "));
}
