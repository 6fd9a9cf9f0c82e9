//! More spans than a layer has room for, and more of them entered than a thread
//! has: they leave the tag as it is, and the log says how many they were.

use scrubjay::{Context, SpanTags};
use scrubjay_log_format::process;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;
use scrubjay_tests::{child, cli};
use tracing::{Span, info_span, subscriber};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

use super::blocks;

const OPEN: u64 = 40_000;
const PLACES: u64 = 32 * 1024;
const ENTERED: u64 = 70;

pub fn test() {
    let folder = Folder::new();
    let path = folder.join("run.jay");
    let finished = child!().log(&path).setting("SCRUBJAY_MODE", "count").succeed();
    let unknown = blocks::told(&finished.output, "unknown");
    let not_active = blocks::told(&finished.output, "not active");
    assert!((OPEN - PLACES..OPEN / 2).contains(&unknown), "{unknown}");
    assert_eq!(not_active, ENTERED - 64);
    let log = Log::read(&path);
    // And one more that was entered within these.
    assert_eq!(log.process[process::SPAN_OVERFLOW_COUNT], unknown + not_active + 1);
    let shown = cli::run([path.as_os_str(), "summary".as_ref()].iter().rev());
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let line = "spans too many; counted under the tag around them";
    assert!(shown.contains(line), "{shown}");
}

pub fn child(_: &[String]) {
    let layer = registry().with(SpanTags::by_name());
    subscriber::set_global_default(layer).expect("it is the first");
    let outside = Context::current();
    let tagged = outside.with_tag(blocks::tag(1));
    let spans: Vec<Span> = (0..OPEN).map(|_| info_span!("travel/1")).collect();
    let is_unknown = |span: &&Span| span.in_scope(Context::current) == outside;
    println!("unknown: {}", spans.iter().filter(is_unknown).count());
    for span in &spans {
        assert!([outside, tagged].contains(&span.in_scope(Context::current)));
    }
    drop(spans);
    // Room again.
    let spans: Vec<Span> = (0..ENTERED).map(|_| info_span!("travel/1")).collect();
    let entered: Vec<_> = spans.iter().map(Span::enter).collect();
    let other = info_span!("travel/2");
    assert_eq!(other.in_scope(Context::current), tagged);
    println!("not active: {}", ENTERED - 64);
    drop(entered);
    assert_eq!(other.in_scope(Context::current), outside.with_tag(blocks::tag(2)));
    assert_eq!(Context::current(), outside);
}
