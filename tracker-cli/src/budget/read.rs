//! Reading a budget file.

use scrubjay_suppressions::toml_text::{Fault, Field, Table, Text};

use super::{Budget, Figure, Line};
use crate::amount::{self, Share};

pub const MARKER: &str = "scrubjay-budget";
pub const TOLERANCE: &str = "tolerance";
pub const PROCESS: &str = "process";
pub const TAGS: &str = "tags";
/// The figure of a line that has a tolerance of its own.
pub const LIMIT: &str = "limit";

impl Budget {
    /// The budget that a file is.
    ///
    /// # Errors
    /// What in it has no meaning.
    pub fn read(text: &str) -> Result<Self, Fault> {
        let text = Text::read(text, MARKER)?;
        let fields = text.root().known_fields(&[MARKER, TOLERANCE, PROCESS, TAGS])?;
        let tolerance = tolerance(&fields)?.unwrap_or_default();
        let mut budget = Self::default();
        for field in fields {
            match field.key() {
                PROCESS => budget.table(&field.table()?, None, tolerance)?,
                TAGS => {
                    for tag in field.table()?.fields() {
                        budget.tags.push((tag.key().into(), tag.line()));
                        budget.table(&tag.table()?, Some(tag.key()), tolerance)?;
                    }
                }
                _ => {}
            }
        }
        budget.lines.sort_by_key(|line| line.line);
        Ok(budget)
    }

    fn table(
        &mut self,
        table: &Table<'_, '_>,
        tag: Option<&str>,
        of_file: Share,
    ) -> Result<(), Fault> {
        let names: Vec<&str> = Figure::ALL.into_iter().map(Figure::key).collect();
        let fields = table.known_fields(&[&[TOLERANCE], &names[..]].concat())?;
        let of_table = tolerance(&fields)?.unwrap_or(of_file);
        for field in fields {
            let Some(figure) = Figure::ALL.into_iter().find(|it| it.key() == field.key()) else {
                continue;
            };
            let (budget, tolerance) = match field.inline_table() {
                None => (amount(&field, figure)?, of_table),
                Some(table) => {
                    let fields = table.known_fields(&[LIMIT, TOLERANCE])?;
                    let limit = fields.iter().find(|field| field.key() == LIMIT);
                    let limit = limit.ok_or_else(|| field.fault("a limit is missing"))?;
                    (amount(limit, figure)?, tolerance(&fields)?.unwrap_or(of_table))
                }
            };
            let (line, tag) = (field.line(), tag.map(str::to_owned));
            self.lines.push(Line { line, tag, figure, budget, tolerance });
        }
        Ok(())
    }
}

fn tolerance(fields: &[Field<'_, '_>]) -> Result<Option<Share>, Fault> {
    let field = fields.iter().find(|field| field.key() == TOLERANCE);
    field.map(|field| field.amount(str::parse)).transpose()
}

fn amount(field: &Field<'_, '_>, figure: Figure) -> Result<u64, Fault> {
    field.amount(if figure == Figure::Allocations { amount::count } else { amount::size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_tolerance_and_its_place() {
        let text = r#"scrubjay-budget = 1
tolerance = "5%"

[process]
peak = "1 MiB"
allocations = 120_000

[tags."model/weights"]
tolerance = "0%"
peak = { limit = "8 MiB", tolerance = "10%" }
live = 0

[tags.prompt]
[tags]
plain = { allocated = 100 }
"#;
        let budget = Budget::read(text).unwrap();
        let lines: Vec<(usize, Option<&str>, Figure, u64)> = budget
            .lines
            .iter()
            .map(|line| (line.line, line.tag.as_deref(), line.figure, line.limit()))
            .collect();
        let weights = Some("model/weights");
        let expected = [
            (5, None, Figure::Peak, (1 << 20) + (1 << 20) / 20),
            (6, None, Figure::Allocations, 126_000),
            (10, weights, Figure::Peak, (8 << 20) + (8 << 20) / 10),
            (11, weights, Figure::Live, 0),
            (15, Some("plain"), Figure::Allocated, 105),
        ];
        assert_eq!(lines, expected);
        let tags: Vec<(&str, usize)> =
            budget.tags.iter().map(|(tag, line)| (tag.as_str(), *line)).collect();
        assert_eq!(tags, [("model/weights", 8), ("prompt", 13), ("plain", 15)]);
    }

    #[test]
    fn what_has_no_meaning_is_named_with_its_line() {
        for (text, line, what) in [
            ("peak = 3", 1, "no line says scrubjay-budget = 1"),
            ("scrubjay-budget = 2", 1, "scrubjay-budget is 1 here"),
            ("scrubjay-budget = 1\n[proces]\npeak = 3", 2, "\"proces\" has no meaning"),
            ("scrubjay-budget = 1\n[process]\npeek = 3", 3, "\"peek\" has no meaning in process"),
            ("scrubjay-budget = 1\n[process]\npeak = 1.5", 3, "peak: \"\" is not a size"),
            ("scrubjay-budget = 1\n[process]\nallocations = \"1 KiB\"", 3, "is not a count"),
            ("scrubjay-budget = 1\ntolerance = 5\n", 2, "tolerance: \"5\" is not a part"),
            ("scrubjay-budget = 1\n[tags]\nx = 5\n", 3, "x is a table"),
            ("scrubjay-budget = 1\n[tags.x]\nlive = {}\n", 3, "a limit is missing"),
            ("scrubjay-budget = 1\n\n[tags.x\n", 3, ""),
        ] {
            let fault = Budget::read(text).unwrap_err();
            assert!(fault.line == line && fault.what.contains(what), "{text}: {fault}");
        }
    }
}
