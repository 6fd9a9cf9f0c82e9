//! Every figure of every tag stands in the text, equal to the report's, with type
//! and unit, and the text ends as OpenMetrics does.

use std::collections::HashMap;

use scrubjay::Report;
use scrubjay_tests::child;

use super::support::{TAGS, class, figures, work};

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let left = work();
    let text = scrubjay::open_metrics();
    let report = Report::now();
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    let samples: HashMap<&str, &str> = (text.lines())
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit_once(' ').expect("a sample has a value"))
        .collect();
    for name in TAGS {
        let tag = report.tag(name).expect("the tag was entered");
        for (figure, value) in figures(tag) {
            let sample = format!("{figure}{{tag=\"{name}\",class=\"{}\"}}", class(tag));
            assert_eq!(samples.get(&sample[..]), Some(&&value.to_string()[..]), "{sample}");
        }
        // It would be no test of figures that are 0.
        assert!(tag.live_bytes > 0 && tag.failed_count == 1 && tag.copied_bytes > 0, "{tag:?}");
        assert!(tag.wiped_bytes + tag.unwiped_bytes > 0, "{tag:?}");
    }
    let budgets = scrubjay::budgets();
    let limited = budgets.iter().find(|budget| budget.name == "limited").expect("it was set");
    for (figure, value) in [
        ("limit_bytes", 1 << 20),
        ("soft_limit_bytes", 64 << 10),
        ("charged_bytes", limited.charged_bytes),
        ("refused_allocations_total", 1),
        ("refused_bytes_total", limited.refused_bytes),
        ("soft_passes_total", 1),
    ] {
        let sample = format!("scrubjay_budget_{figure}{{budget=\"limited\"}}");
        assert_eq!(samples.get(&sample[..]), Some(&&value.to_string()[..]), "{sample}");
    }
    assert!(limited.refused_bytes >= 2_000_000, "{limited:?}");
    let of_process = |name: &str| samples[name].parse::<u64>().expect("a number");
    let sum = |figure: &str| -> u64 {
        let of_figure = samples.iter().filter(|(name, _)| name.starts_with(figure));
        of_figure.map(|(_, value)| value.parse::<u64>().expect("a number")).sum()
    };
    assert_eq!(of_process("scrubjay_process_live_bytes"), sum("scrubjay_live_bytes{"));
    assert_eq!(of_process("scrubjay_process_live_blocks"), sum("scrubjay_live_blocks{"));
    let allocated = of_process("scrubjay_process_allocated_bytes_total");
    assert_eq!(allocated, sum("scrubjay_allocated_bytes_total{"));
    assert_eq!(
        of_process("scrubjay_process_freed_bytes_total"),
        sum("scrubjay_freed_bytes_total{")
    );
    assert_eq!(of_process("scrubjay_process_peak_bytes"), report.total.peak_bytes);
    assert_eq!(of_process("scrubjay_threads"), report.thread_count);
    assert!(of_process("scrubjay_process_resident_bytes") > 1 << 20);
    for described in [
        "# TYPE scrubjay_live_bytes gauge\n# UNIT scrubjay_live_bytes bytes\n",
        "# TYPE scrubjay_wiped_bytes counter\n# UNIT scrubjay_wiped_bytes bytes\n",
        "# TYPE scrubjay_freed_blocks counter\n# UNIT scrubjay_freed_blocks blocks\n",
        "# HELP scrubjay_failed_allocations Allocations and reallocs that got no memory.\n",
    ] {
        assert!(text.contains(described), "{described} is not in {text}");
    }
    drop(left);
}
