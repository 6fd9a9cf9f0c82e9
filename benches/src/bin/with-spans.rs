//! Spans over `System`, without a subscriber or with one whose layer does nothing:
//! without any a registry never gives a span back.

use std::process::ExitCode;

use scrubjay_benches::child;
use scrubjay_benches::spans::{self, Plain};
use scrubjay_benches::workloads::Workload;
use tracing::subscriber::set_global_default;
use tracing_subscriber::layer::{Identity, SubscriberExt};
use tracing_subscriber::registry;

const OWN: &[Workload] = &spans::workloads::<Plain>();

fn main() -> ExitCode {
    if std::env::var_os("SPANS").is_some_and(|spans| spans == "registry") {
        set_global_default(registry().with(Identity::new())).expect("it is the first");
    }
    child::main(OWN, None)
}
