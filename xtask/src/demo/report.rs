//! Questions to the command line: for people as it prints them, for the demo
//! as JSON.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use scrubjay_tests::attack::Block;
use serde_json::Value;

use crate::workspace;

/// The command line `scrubjay`.
pub struct Tracker {
    program: PathBuf,
    folder: PathBuf,
}

impl Tracker {
    /// The program, and the folder where reports are kept.
    pub fn new(program: PathBuf, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { program, folder: folder.to_owned() })
    }

    /// Asks a question, shows the answer, and keeps it.
    pub fn show(&self, question: &[&str], log: &Path) -> Result<()> {
        let mut command = self.command(question, log);
        println!("$ {}", workspace::shown(&command));
        let answer = workspace::output(&mut command)?;
        println!("{answer}");
        fs::write(self.folder.join(format!("{}.txt", question.join("-"))), answer)?;
        Ok(())
    }

    /// Asks a question to which the answer is an objection, with the exit code
    /// 1; shows the answer and returns it.
    pub fn show_objection(&self, question: &[&str], log: &Path) -> Result<String> {
        let mut command = self.command(question, log);
        println!("$ {}", workspace::shown(&command));
        let output = command.output().with_context(|| workspace::shown(&command))?;
        let answer = String::from_utf8(output.stdout)?;
        println!("{answer}");
        let code = output.status.code();
        println!("exit code: {}\n", code.map_or_else(|| "none".into(), |code| code.to_string()));
        ensure!(code == Some(1), "`{}` ended with {}", workspace::shown(&command), output.status);
        Ok(answer)
    }

    /// Where every byte went, now or until the end.
    pub fn wipes(&self, log: &Path) -> Result<Value> {
        let answer = workspace::output(&mut self.command(&["wipes", "--json"], log))?;
        Ok(serde_json::from_str(&answer)?)
    }

    /// The blocks that live now, or lived at the end.
    pub fn live_blocks(&self, log: &Path) -> Result<Vec<Block>> {
        self.blocks(&["leaks", "--blocks", "--json"], log)
    }

    /// The blocks of a tag that lived at its peak.
    pub fn blocks_at_peak(&self, log: &Path, tag: &str) -> Result<Vec<Block>> {
        self.blocks(&["peak", "--tag", tag, "--blocks", "--json"], log)
    }

    fn blocks(&self, question: &[&str], log: &Path) -> Result<Vec<Block>> {
        let answer = workspace::output(&mut self.command(question, log))?;
        parse(&answer).with_context(|| format!("scrubjay {}", question.join(" ")))
    }

    fn command(&self, question: &[&str], log: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(question).arg(log);
        command
    }
}

/// Reads the list of blocks; one that lacks something is no list.
fn parse(answer: &str) -> Result<Vec<Block>> {
    let answer: Value = serde_json::from_str(answer)?;
    ensure!(answer["damage_count"] == 0, "the log is damaged");
    let blocks = answer["blocks"].as_array().context("no \"blocks\" in the answer")?;
    blocks
        .iter()
        .map(|block| {
            let address = block["address"].as_str().and_then(|text| text.strip_prefix("0x"));
            Ok(Block {
                address: u64::from_str_radix(address.context("a block without its address")?, 16)?,
                size: block["size_bytes"].as_u64().context("a block without its size")?,
                tag: block["tag"].as_str().context("a block without its tag")?.to_owned(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_from_the_answer() {
        let block = r#"{"address": "0x40", "size_bytes": 8, "tag": "a/b"}"#;
        let answer = |damage: u32, block: &str| {
            parse(&format!(r#"{{"damage_count": {damage}, "blocks": [{block}]}}"#))
        };
        let expected = Block { address: 64, size: 8, tag: "a/b".into() };
        assert_eq!(answer(0, block).unwrap(), [expected]);
        assert!(answer(1, block).is_err());
        assert!(answer(0, r#"{"address": "0x40", "size_bytes": 8}"#).is_err());
        assert!(parse("{}").is_err());
    }
}
