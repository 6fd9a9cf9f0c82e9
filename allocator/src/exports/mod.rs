//! Live figures, in the forms in which others take them: each a feature.
//!
//! - `open-metrics`: [`crate::open_metrics`], OpenMetrics text, and a collector for a
//!   registry of `prometheus-client`;
//! - `metrics`: gauges and counters of the `metrics` facade, once or at intervals;
//! - `opentelemetry`: observable instruments of an OpenTelemetry meter;
//! - `metrics-page`: a page over HTTP, for Prometheus to scrape.
//!
//! All read a [`crate::Report`] when they are asked, and nothing in between: whoever
//! does not ask pays nothing. What they allocate is counted under the tag
//! `scrubjay`. Live and peak figures have the report's bound.

#[cfg(any(feature = "metrics", feature = "metrics-page"))]
mod background;
mod families;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "open-metrics")]
pub mod open_metrics;
#[cfg(feature = "opentelemetry")]
pub mod opentelemetry;
#[cfg(feature = "metrics-page")]
pub mod page;
