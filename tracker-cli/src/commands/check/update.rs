//! `scrubjay check --update`: what a run took, written into its budget.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::Arguments;
use crate::analysis::damage::Damages;
use crate::analysis::run::End;
use crate::analysis::tag_sums::OWN_TAG;
use crate::analysis::taken::{Run, Taken};
use crate::budget::{self, Budget, Change, Edited, Figures};
use crate::commands::question::Asked;
use crate::error::Error;
use crate::session::Session;
use crate::text;
use crate::whole_file::{self, Readers};

/// What was written.
#[derive(Serialize)]
struct Update {
    budget: PathBuf,
    end: End,
    /// There was no such file.
    is_new: bool,
    changes: Vec<Change>,
    /// Tags that are not in the run, and whose lines were kept.
    kept_tags: Vec<String>,
}

/// Answers; the exit code.
pub fn run(
    arguments: &Arguments,
    budget: Option<(&str, &Budget)>,
    asked: &Asked,
    run: &Run,
    damages: &Damages,
    mut session: Session<'_>,
) -> Result<u8, Error> {
    let path = &arguments.budget;
    if !damages.is_empty() {
        session.report(&asked.file, damages);
        session.say(&format!("{}: not written, as the log is damaged", path.display()));
        return session.end();
    }
    let figures = figures(arguments, budget.map(|(_, budget)| budget), run);
    let text = budget.map(|(text, _)| text);
    let edited = budget::edit(text, &figures, arguments.keep)
        .map_err(|fault| Error::Fault { path: path.clone(), fault })?;
    if text != Some(&edited.text) {
        save(arguments, &edited, text.is_some())?;
    }
    let update = Update {
        budget: path.clone(),
        end: End::of(&asked.file),
        is_new: text.is_none(),
        changes: edited.changes,
        kept_tags: edited.kept,
    };
    if session.is_json() {
        session.json("check", &asked.file, &update, damages)?;
    } else {
        update.write(&mut session)?;
    }
    session.end()
}

/// What is to be written. What scrubjay takes for itself is nobody's to limit,
/// unless somebody did.
fn figures(arguments: &Arguments, budget: Option<&Budget>, run: &Run) -> Figures {
    let headroom = arguments.headroom.unwrap_or_default();
    let amounts = |taken: &Taken| taken.highest().map(|amount| headroom.on_top_of(amount));
    let has_own = budget.is_some_and(|budget| budget.tags.iter().any(|(tag, _)| tag == OWN_TAG));
    let tags = run.tags.iter().filter(|(tag, _)| *tag != OWN_TAG || has_own);
    let tags = tags.map(|(tag, (_, taken))| (tag.clone(), amounts(taken)));
    Figures { process: amounts(&run.process), tags: tags.collect() }
}

fn save(arguments: &Arguments, edited: &Edited, replace: bool) -> Result<(), Error> {
    let path = &arguments.budget;
    let error = |source| Error::Save { path: path.clone(), source };
    // A link stays one.
    let place = if replace { fs::canonicalize(path).map_err(error)? } else { path.clone() };
    let written = whole_file::write(&place, Readers::Usual, replace, |file| {
        file.write_all(edited.text.as_bytes())?;
        file.flush()?;
        file.get_ref().sync_all()
    });
    written.map_err(error)
}

impl Update {
    fn write(&self, session: &mut Session<'_>) -> Result<(), Error> {
        let is_narrow = session.is_narrow();
        let out = &mut session.out;
        let title = format!("Budget {}", self.budget.display());
        writeln!(out, "{}", text::heading(&title))?;
        out.write_notes()?;
        let lines = text::plural(self.changes.len() as u64, "line");
        match (self.is_new, self.changes.is_empty()) {
            (true, _) => writeln!(out, "  Written, {lines}.")?,
            (false, true) => writeln!(out, "  It says so already; nothing was written.")?,
            (false, false) => writeln!(out, "  Written, {lines} changed.")?,
        }
        if self.end != End::Exited {
            writeln!(out, "  {}", self.end.sentence())?;
        }
        if !self.changes.is_empty() {
            let titles: &[&str] = if self.is_new { &["", "budget"] } else { &["", "was", "is"] };
            let mut table = text::Table::new(titles, is_narrow);
            let mut group = None;
            for change in &self.changes {
                if group != Some(&change.tag) {
                    let name = change.tag.clone().unwrap_or_else(|| "(process)".into());
                    table.row([name].into_iter().chain(titles[1..].iter().map(|_| "".into())));
                    group = Some(&change.tag);
                }
                let words = |amount: Option<u64>| {
                    amount.map_or_else(|| "none".into(), |amount| change.figure.words(amount))
                };
                let name = format!("  {}", change.figure.key());
                let was = (!self.is_new).then(|| words(change.from));
                table.row([name].into_iter().chain(was).chain([words(change.to)]));
            }
            write!(out, "\n{table}")?;
        }
        for tag in &self.kept_tags {
            writeln!(out, "\n  {tag} is not in this run; its lines were kept")?;
        }
        Ok(())
    }
}
