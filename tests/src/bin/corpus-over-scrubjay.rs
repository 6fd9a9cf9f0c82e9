//! A case of the corpus under a leak check: by all signals, or by one alone.
//!
//! Called with the name of what judges, and with what the corpus's own programs
//! are called with. A check decides by itself how many rounds it takes, but for
//! `time`, which is one check around the rounds that are asked for, and does not
//! wait for late frees.

use std::time::Duration;

use scrubjay::{Config, Leak, LeakCheck, LeakKind, LeakReport, Scrubjay};
use scrubjay_corpus::Case;
use scrubjay_corpus::rounds::{Asked, say};

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::with(Config::new().live_blocks(true).stacks(true));

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (judge, arguments) = arguments.split_first().expect("usage: JUDGE CASE WARM_UP JUDGED");
    let asked = Asked::of(arguments);
    let run = asked.case().map_or(nothing as fn(), |case| case.run);
    let all = || LeakCheck::new().run(run).expect("a check can be made");
    let once = || LeakCheck::new().run_once(run).expect("a check can be made").1;
    let leaks = match judge.as_str() {
        "all" => all().leaks,
        "reach" => once().leaks,
        "growth" => all().leaks.into_iter().filter(|leak| leak.kind == LeakKind::Growing).collect(),
        // What is left of one round behind another, held or not.
        "warm-up" => {
            run();
            let LeakReport { leaks, kept, .. } = once();
            leaks.into_iter().chain(kept).collect()
        }
        "time" => {
            asked.warm_up();
            let guard =
                LeakCheck::new().settle(Duration::ZERO).guard().expect("a check can be made");
            let time = asked.judged_rounds();
            return tell(&asked, time, &guard.finish().leaks);
        }
        other => panic!("{other} judges nothing"),
    };
    tell(&asked, Duration::ZERO, &leaks);
}

fn nothing() {}

fn tell(asked: &Asked, time: Duration, leaks: &[Leak]) {
    let frames = leaks.iter().flat_map(|leak| &leak.frames);
    for frame in frames {
        let file = frame.file.as_ref().and_then(|file| file.file_name()).unwrap_or_default();
        let line = frame.line.unwrap_or(0);
        println!("{} ({}:{line})", frame.function, file.display());
    }
    let name = asked.case().map_or("nothing", |case: &Case| case.name);
    println!("{name} has {} sites", leaks.len());
    let blocks: u64 = leaks.iter().map(|leak| leak.blocks).sum();
    let bytes: u64 = leaks.iter().map(|leak| leak.bytes).sum();
    say(time, blocks.cast_signed(), bytes.cast_signed());
}
