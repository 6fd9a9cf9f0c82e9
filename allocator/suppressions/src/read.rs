//! Reading a file of suppressions.

use crate::pattern::{Glob, StackPattern};
use crate::toml_text::{Fault, Table, Text};
use crate::{Bounds, Suppression, amount};

const MARKER: &str = "scrubjay-suppressions";
const ENTRY: &str = "suppress";
const FIELDS: [&str; 10] = [
    "name",
    "reason",
    "stack",
    "function",
    "module",
    "tag",
    "min-bytes",
    "max-bytes",
    "min-blocks",
    "max-blocks",
];

impl Suppression {
    /// The entries of a file in their order.
    ///
    /// # Errors
    /// What in it has no meaning, or says too little.
    pub fn read_all(text: &str) -> Result<Vec<Self>, Fault> {
        let text = Text::read(text, MARKER)?;
        let mut all: Vec<Self> = Vec::new();
        for field in text.root().known_fields(&[MARKER, ENTRY])? {
            if field.key() != ENTRY {
                continue;
            }
            for table in field.tables()? {
                let one = Self::read(&table)?;
                if let Some(first) = all.iter().find(|first| first.name == one.name) {
                    let (name, line) = (&one.name, first.line);
                    return Err(table.fault(format!("{name:?} is the name of line {line}, too")));
                }
                all.push(one);
            }
        }
        Ok(all)
    }

    fn read(table: &Table<'_, '_>) -> Result<Self, Fault> {
        let (mut name, mut reason) = (None, None);
        let (mut stack, mut function, mut module, mut tag) = (None, None, None, None);
        let (mut bytes, mut blocks) = (Bounds::default(), Bounds::default());
        for field in table.known_fields(&FIELDS)? {
            match field.key() {
                "name" => name = Some(field.string()?.to_owned()),
                "reason" => reason = Some(field.string()?.to_owned()),
                "stack" => {
                    let pattern = StackPattern::new(field.strings()?);
                    if pattern.is_empty() {
                        return Err(field.fault("stack names no frame"));
                    }
                    stack = Some(pattern);
                }
                "function" => function = Some(Glob::new(field.string()?)),
                "module" => module = Some(Glob::new(field.string()?)),
                "tag" => tag = Some(Glob::new(field.string()?)),
                "min-bytes" => bytes.min = Some(field.amount(amount::size)?),
                "max-bytes" => bytes.max = Some(field.amount(amount::size)?),
                "min-blocks" => blocks.min = Some(field.amount(amount::count)?),
                _ => blocks.max = Some(field.amount(amount::count)?),
            }
        }
        let name = name.ok_or_else(|| table.fault("this suppression has no name"))?;
        let reason = reason.ok_or_else(|| table.fault(format!("{name:?} has no reason")))?;
        let names_none = stack.is_none() && function.is_none() && module.is_none() && tag.is_none();
        if names_none && bytes.is_none() && blocks.is_none() {
            return Err(table.fault(format!("{name:?} does not say what it is about")));
        }
        let line = table.line();
        Ok(Self { name, reason, line, stack, function, module, tag, bytes, blocks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Match, Subject};

    const FILE: &str = r#"
scrubjay-suppressions = 1

# Known since the first release.
[[suppress]]
name = "cache"
reason = "evicted at 64 KiB"
stack = ["cache::insert", "...", "server::main"]
max-bytes = "64 KiB"

[[suppress]]
name = "onnx"
reason = "its arena stays until exit"
module = "libonnx*.so*"
tag = "model/*"
"#;

    #[test]
    fn an_entry_is_a_sites_where_all_that_it_says_is_so() {
        let all = Suppression::read_all(FILE).unwrap();
        assert_eq!((all.len(), all[0].line, all[1].line), (2, 5, 11));
        assert_eq!((&all[0].name[..], &all[0].reason[..]), ("cache", "evicted at 64 KiB"));
        let mut subject = Subject {
            tag: "model/weights",
            functions: vec!["cache::insert", "server::answer", "server::main"],
            modules: vec!["/opt/lib/libonnxruntime.so.1.17"],
            bytes: 64 << 10,
            blocks: 3,
        };
        assert_eq!(all[0].matches(&subject), Match::Yes);
        assert_eq!(all[1].matches(&subject), Match::Yes);
        subject.bytes += 1;
        assert_eq!(all[0].matches(&subject), Match::ButForSize);
        subject.functions.remove(0);
        assert_eq!(all[0].matches(&subject), Match::No);
        subject.tag = "prompt";
        assert_eq!(all[1].matches(&subject), Match::No);
        subject.tag = "model/weights";
        subject.modules = vec!["/opt/libonnx.so/server"];
        assert_eq!(all[1].matches(&subject), Match::No);
    }

    #[test]
    fn what_has_no_meaning_is_named_with_its_line() {
        let entry = |lines: &str| format!("scrubjay-suppressions = 1\n[[suppress]]\n{lines}\n");
        for (text, line, what) in [
            ("", 1, "no line says scrubjay-suppressions = 1"),
            ("scrubjay-suppressions = 2", 1, "scrubjay-suppressions is 1 here"),
            (&entry("reason = \"x\"\ntag = \"x\""), 2, "this suppression has no name"),
            (&entry("name = \"n\"\ntag = \"x\""), 2, "\"n\" has no reason"),
            (&entry("name = \"n\"\nreason = \" \"\ntag = \"x\""), 4, "reason is a text in quotes"),
            (&entry("name = \"n\"\nreason = \"r\""), 2, "\"n\" does not say what it is about"),
            (&entry("name = \"n\"\nreason = \"r\"\nstack = [\"...\"]"), 5, "stack names no frame"),
            (&entry("name = \"n\"\nreason = \"r\"\nfuncton = \"f\""), 5, "\"functon\" has no"),
            (&entry("name = \"n\"\nreason = \"r\"\nmax-bytes = -1"), 5, "max-bytes: \"-1\" is not"),
            ("scrubjay-suppressions = 1\nsuppress = 3", 2, "suppress is written [[suppress]]"),
        ] {
            let fault = Suppression::read_all(text).unwrap_err();
            assert!(fault.line == line && fault.what.contains(what), "{text}: {fault}");
        }
        let one = "[[suppress]]\nname = \"n\"\nreason = \"r\"\ntag = \"t\"\n";
        let fault = Suppression::read_all(&format!("scrubjay-suppressions = 1\n{one}{one}"));
        assert_eq!(fault.unwrap_err().to_string(), "6: \"n\" is the name of line 2, too");
        let fault = Suppression::read_all("scrubjay-suppressions = 1\n\n[[suppress\n").unwrap_err();
        assert_eq!(fault.line, 3, "{fault}");
    }
}
