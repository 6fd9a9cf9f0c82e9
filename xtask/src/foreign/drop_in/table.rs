//! The tables.

use super::Row;
use super::found::Held;
use super::programs::Work;
use super::timing::Timed;

/// What each cost, with figures that say from what.
pub fn costs(rows: &[Row]) -> String {
    let mut text = "| package | kind | tests | timed | plain | plain again | three lines \
                    | with a log | resident | with a log |\n\
                    | --- | --- | --: | --- | --: | --: | --: | --: | --: | --: |\n"
        .to_owned();
    for Row { program, tests, timing, .. } in rows {
        let Some(timing) = timing else { continue };
        text += &format!(
            "| {} {} | {} | {tests} | {} | {:.2} s | {} | {} | {} | {:.1} MiB | {:.2} |\n",
            program.package.name,
            program.package.version,
            program.kind,
            timed(&program.work, timing.times),
            timing.plain.wall(),
            over(&timing.plain_again, &timing.plain),
            over(&timing.dropped_in, &timing.plain),
            over(&timing.logged, &timing.plain),
            timing.plain.resident(),
            timing.logged.resident() / timing.plain.resident(),
        );
    }
    text
}

/// What was found in each.
pub fn findings(rows: &[Row]) -> String {
    let mut text = "| package | processes | blocks | allocated | damaged | unwiped | refused \
                    | peak | most of it | live at the end | most of it |\n\
                    | --- | --: | --: | --: | --: | --: | --: | --: | --- | --: | --- |\n"
        .to_owned();
    for Row { program, found, .. } in rows {
        text += &format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            program.package.name,
            found.processes,
            found.blocks,
            size(found.bytes),
            found.damaged,
            found.unwiped,
            found.refused,
            size(found.peak.bytes),
            most(&found.peak),
            size(found.live.bytes),
            most(&found.live),
        );
    }
    text
}

/// As time, and as time that threads ran.
fn over(timed: &Timed, plain: &Timed) -> String {
    format!("{:.2} / {:.2}", timed.over(plain), timed.processor_over(plain))
}

fn timed(work: &Work, times: usize) -> String {
    let times = if times > 1 { format!(", {times} times") } else { String::new() };
    match work {
        Work::Suite => format!("its tests{times}"),
        Work::Tree { program, .. } => format!("`{program}` over a tree of sources{times}"),
        Work::Server { .. } => format!("6,000 requests{times}"),
    }
}

fn most(held: &Held) -> String {
    let Held { bytes, site_bytes, function } = held;
    let share = 100.0 * *site_bytes as f64 / (*bytes).max(1) as f64;
    if function.is_empty() { String::new() } else { format!("{share:.0} % `{function}`") }
}

/// Bytes in the greatest unit of which there is one.
fn size(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, 0);
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_the_unit_of_its_greatness() {
        assert_eq!((size(1023), size(1536)), ("1023 B".to_owned(), "1.5 KiB".to_owned()));
    }
}
