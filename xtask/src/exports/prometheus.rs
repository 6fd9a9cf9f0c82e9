//! A Prometheus that scrapes the page, and answers what the dashboard asks.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::{Exporter, Promtool};
use crate::workspace;

/// After so long something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// It runs while this lives.
pub struct Prometheus<'a> {
    promtool: &'a Promtool,
    child: Child,
    address: String,
}

impl<'a> Prometheus<'a> {
    /// Starts it on the loopback interface; the page was scraped a few times then.
    pub fn start(
        promtool: &'a Promtool,
        scratch: &Path,
        exporter: &Exporter,
        rules: &Path,
    ) -> Result<Self> {
        // Free now: nobody else here is quick to take it.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let data = scratch.join("data");
        workspace::remove(&data)?;
        let config = scratch.join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 1s }}\n\
             rule_files: ['{}']\n\
             scrape_configs: [{{ job_name: test, static_configs: [{{ targets: ['{}'] }}] }}]\n",
            rules.display(),
            exporter.address,
        );
        fs::write(&config, text).with_context(|| config.display().to_string())?;
        let program = promtool.0.with_file_name("prometheus");
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(scratch.join("prometheus.log"))?);
        let child = command.spawn().with_context(|| workspace::shown(&command))?;
        let prometheus = Self { promtool, child, address };
        let begin = Instant::now();
        let scrapes = "count_over_time(scrubjay_process_live_bytes[1m]) >= 4";
        while prometheus.answer(scrapes).is_none() {
            if begin.elapsed() > PATIENCE {
                bail!("Prometheus scraped nothing: see {}", scratch.display());
            }
            thread::sleep(Duration::from_millis(300));
        }
        Ok(prometheus)
    }

    /// Asks, and there must be an answer. That nothing is wrong is one where the query
    /// is for what is.
    pub fn ask(&self, query: &str) -> Result<()> {
        let answer = self.answer(query);
        let may_be_empty = query.ends_with("> 0");
        ensure!(answer.is_some() || may_be_empty, "nothing answers {query}");
        // Whether it can be asked at all, where there is no answer.
        let with_all = query.strip_suffix("> 0").unwrap_or(query);
        ensure!(self.answer(with_all).is_some(), "nothing answers {with_all}");
        Ok(())
    }

    fn answer(&self, query: &str) -> Option<String> {
        let mut command = Command::new(&self.promtool.0);
        let server = format!("http://{}", self.address);
        command.args(["query", "instant", &server, query]).stdin(Stdio::null());
        let output = command.output().ok()?;
        let answer = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success() && !answer.is_empty()).then_some(answer)
    }
}

impl Drop for Prometheus<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
