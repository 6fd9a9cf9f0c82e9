//! `SCRUBJAY_BUDGET` limits the process from its first block on, in bytes or as a part
//! of what it may have; what makes no sense is told and changes nothing.

use scrubjay_tests::child;
use scrubjay_tests::counting::ALL;

use super::blocks::Block;

pub fn test() {
    let told = |setting: &str| {
        let finished = child!().setting("SCRUBJAY_BUDGET", setting).succeed();
        let words: Vec<u64> =
            finished.output.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        (words[0], words[1], finished.errors)
    };
    let (limit, most, _) = told("24M");
    assert_eq!(limit, 24 << 20);
    // The last blocks that were asked for had 32 KiB.
    assert!(most <= limit && most > limit - limit / 100 - (64 << 10), "{most}");
    let (all, _, _) = told("100%");
    let (part, _, _) = told("40%");
    let memory = memory_of_the_machine();
    assert!(all <= memory && all > 0, "{all} of {memory}");
    assert!(part.abs_diff(all / 100 * 40) <= 100, "{part} of {all}");
    let (limit, _, errors) = told("140%");
    assert_eq!(limit, 0);
    assert!(errors.contains("SCRUBJAY_BUDGET is ignored"), "{errors}");
}

fn memory_of_the_machine() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").expect("Linux has it");
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:")).expect("and this");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib << 10
}

pub fn child(_: &[String]) {
    let limit = scrubjay::budgets().first().and_then(|budget| budget.hard_bytes).unwrap_or(0);
    let mut blocks = Vec::with_capacity(1 << 12);
    // The rest of it, down to the last 64 KiB.
    while limit < 1 << 30
        && limit > 0
        && let Some(block) = Block::new(32 << 10, 0)
    {
        blocks.push(block);
    }
    drop(blocks);
    println!("{limit} {}", ALL.most());
}
