//! What is exported, held against the tools that take it: OpenMetrics text, the
//! dashboard, the alert rules.
//!
//! The tools are unpacked below the target folder; nothing is installed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::step::Outcome;
use crate::{tools, workspace};

mod exporter;
mod prometheus;

use exporter::Exporter;
use prometheus::Prometheus;

/// Where the files for users stand.
const FILES: &str = "allocator/exports";
const DASHBOARD: &str = "grafana-dashboard.json";
/// The checkers from PyPI.
const PACKAGES: &[&str] = &["prometheus-client==0.26.0", "grafana-foundation-sdk"];

/// Runs all checks.
pub fn check() -> Result<Outcome> {
    let scratch = workspace::target()?.join("exports");
    fs::create_dir_all(&scratch).with_context(|| scratch.display().to_string())?;
    let found = tools::python(&scratch.join("python"), PACKAGES)
        .and_then(|python| Ok((python, Promtool::find(&scratch)?)));
    let (python, promtool) = match found {
        Ok(found) => found,
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    let files = workspace::root()?.join(FILES);
    run(&python, "dashboard.py", &[&files.join(DASHBOARD)])?;
    promtool.run(&["check", "rules", "alerts.yml"], &files)?;
    promtool.run(&["test", "rules", "alerts.test.yml"], &files)?;

    let exporter = Exporter::start(&scratch)?;
    let [text, report, classic] =
        ["figures.txt", "report.json", "classic.txt"].map(|name| scratch.join(name));
    run(&python, "text.py", &[&text, &report, &classic])?;
    promtool.check_metrics(&classic)?;
    let queries = queries(&files.join(DASHBOARD))?;
    let prometheus = Prometheus::start(&promtool, &scratch, &exporter, &files.join("alerts.yml"))?;
    for query in &queries {
        prometheus.ask(query)?;
    }
    println!("Prometheus scraped the page, and answers all {} queries", queries.len());
    Ok(Outcome::Done)
}

/// One of the scripts beside this file, by a Python that has the checkers.
fn run(python: &Path, script: &str, arguments: &[&PathBuf]) -> Result<()> {
    let python = python.to_str().context("a path of text")?;
    let script = format!("xtask/src/exports/{script}");
    workspace::run(workspace::command(python, &[&script])?.args(arguments))
}

/// What the dashboard asks, with its variables filled in.
fn queries(dashboard: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(dashboard).with_context(|| dashboard.display().to_string())?;
    let dashboard: serde_json::Value = serde_json::from_str(&text)?;
    let panels = dashboard["panels"].as_array().context("a dashboard has panels")?;
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let queries: Vec<String> = targets
        .filter_map(|target| target["expr"].as_str())
        .map(|query| {
            ["$job", "$instance", "$tag"]
                .iter()
                .fold(query.replace("$__rate_interval", "5s"), |query, name| {
                    query.replace(name, ".*")
                })
        })
        .collect();
    ensure!(queries.len() >= panels.len(), "a panel asks nothing");
    Ok(queries)
}

/// Prometheus' own checker.
struct Promtool(PathBuf);

impl Promtool {
    fn find(scratch: &Path) -> Result<Self, String> {
        tools::unpacked("prometheus", "promtool", &scratch.join("prometheus")).map(Self)
    }

    fn run(&self, arguments: &[&str], folder: &Path) -> Result<()> {
        let program = self.0.to_str().context("a path of text")?;
        workspace::run(workspace::command(program, arguments)?.current_dir(folder))
    }

    /// Names, helps and units, as Prometheus would have them.
    fn check_metrics(&self, classic: &Path) -> Result<()> {
        let program = self.0.to_str().context("a path of text")?;
        let figures = fs::File::open(classic).with_context(|| classic.display().to_string())?;
        workspace::run(workspace::command(program, &["check", "metrics"])?.stdin(figures))
    }
}
