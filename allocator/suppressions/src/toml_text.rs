//! TOML files that people write: each value with its line, and each mistake.

use std::fmt;
use std::ops::Range;

use toml_edit::{Document, Item, TableLike, Value};

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.line, self.what)
    }
}

/// A file of one kind and version.
pub struct Text<'t> {
    raw: &'t str,
    document: Document<&'t str>,
}

impl<'t> Text<'t> {
    /// Reads a file, which says on a line `marker = 1` what it is.
    ///
    /// # Errors
    /// Where it is no TOML, does not say so, or is of another version.
    pub fn read(raw: &'t str, marker: &str) -> Result<Self, Fault> {
        let document = Document::parse(raw).map_err(|error| {
            let line = line_of(raw, error.span());
            // The parser's words may take several lines.
            let what = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            Fault { line, what }
        })?;
        let text = Self { raw, document };
        match text.document.get(marker) {
            Some(version) if version.as_integer() == Some(1) => Ok(text),
            Some(version) => Err(text.fault(version.span(), format!("{marker} is 1 here"))),
            None => Err(text.fault(None, format!("no line says {marker} = 1"))),
        }
    }

    /// The whole of it.
    pub fn root(&self) -> Table<'_, 't> {
        Table { text: self, items: self.document.as_table(), span: None, name: "the file".into() }
    }

    fn fault(&self, span: Option<Range<usize>>, what: impl Into<String>) -> Fault {
        Fault { line: line_of(self.raw, span), what: what.into() }
    }
}

/// The line of a place in a text; 1 for a place that is not known.
fn line_of(raw: &str, span: Option<Range<usize>>) -> usize {
    let end = span.map_or(0, |span| span.start).min(raw.len());
    1 + raw.as_bytes()[..end].iter().filter(|&&byte| byte == b'\n').count()
}

/// A table, whichever way it is written.
pub struct Table<'d, 't> {
    text: &'d Text<'t>,
    items: &'d dyn TableLike,
    span: Option<Range<usize>>,
    name: String,
}

/// A value under its name.
#[derive(Clone, Copy)]
pub struct Field<'d, 't> {
    text: &'d Text<'t>,
    key: &'d str,
    item: &'d Item,
    /// Where the name begins.
    at: usize,
}

impl<'d, 't> Table<'d, 't> {
    /// The line on which it begins.
    pub fn line(&self) -> usize {
        line_of(self.text.raw, self.span.clone())
    }

    /// Its values in the order of the file.
    pub fn fields(&self) -> Vec<Field<'d, 't>> {
        let field = |(key, item): (&'d str, &'d Item)| {
            // Where the value begins will do where the name's place is not known.
            let key_span = self.items.key(key).and_then(|key| key.span());
            let at = key_span.or_else(|| item.span()).map_or(0, |span| span.start);
            Field { text: self.text, key, item, at }
        };
        let mut fields: Vec<Field<'d, 't>> = self.items.iter().map(field).collect();
        fields.sort_by_key(|field| field.at);
        fields
    }

    /// The same, none of which has a name that is not among these.
    ///
    /// # Errors
    /// Where one has.
    pub fn known_fields(&self, known: &[&str]) -> Result<Vec<Field<'d, 't>>, Fault> {
        let fields = self.fields();
        match fields.iter().find(|field| !known.contains(&field.key)) {
            Some(field) => {
                let known = known.join(", ");
                let what = format!("{:?} has no meaning in {}: {known}", field.key, self.name);
                Err(field.fault(what))
            }
            None => Ok(fields),
        }
    }

    /// A fault of the table itself.
    pub fn fault(&self, what: impl Into<String>) -> Fault {
        self.text.fault(self.span.clone(), what)
    }
}

impl<'d, 't> Field<'d, 't> {
    /// Its name.
    pub fn key(&self) -> &'d str {
        self.key
    }

    /// The line on which it stands.
    pub fn line(&self) -> usize {
        line_of(self.text.raw, Some(self.at..self.at))
    }

    /// A fault of it.
    pub fn fault(&self, what: impl Into<String>) -> Fault {
        Fault { line: self.line(), what: what.into() }
    }

    fn wrong(&self, wanted: &str) -> Fault {
        self.fault(format!("{} is {wanted}", self.key))
    }

    /// A table.
    ///
    /// # Errors
    /// Where it is none.
    pub fn table(&self) -> Result<Table<'d, 't>, Fault> {
        let items = self.item.as_table_like().ok_or_else(|| self.wrong("a table"))?;
        let span = Some(self.at..self.at);
        Ok(Table { text: self.text, items, span, name: self.key.into() })
    }

    /// A table, where it is one that stands within a line.
    pub fn inline_table(&self) -> Option<Table<'d, 't>> {
        self.item.as_inline_table().and_then(|_| self.table().ok())
    }

    /// Tables of one name, `[[name]]`.
    ///
    /// # Errors
    /// Where they are not.
    pub fn tables(&self) -> Result<Vec<Table<'d, 't>>, Fault> {
        let wrong = || self.wrong(&format!("written [[{}]]", self.key));
        let tables = self.item.as_array_of_tables().ok_or_else(wrong)?;
        let table = |items: &'d toml_edit::Table| {
            let name = format!("[[{}]]", self.key);
            Table { text: self.text, items, span: items.span(), name }
        };
        Ok(tables.iter().map(table).collect())
    }

    /// A text that is not empty.
    ///
    /// # Errors
    /// Where it is none.
    pub fn string(&self) -> Result<&'d str, Fault> {
        let text = self.item.as_str().filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| self.wrong("a text in quotes"))
    }

    /// A list of texts, none of them empty.
    ///
    /// # Errors
    /// Where it is none.
    pub fn strings(&self) -> Result<Vec<&'d str>, Fault> {
        let text = |value: &'d Value| value.as_str().filter(|text| !text.trim().is_empty());
        let texts: Option<Vec<&str>> =
            self.item.as_array().and_then(|array| array.iter().map(text).collect());
        let texts = texts.filter(|texts| !texts.is_empty());
        texts.ok_or_else(|| self.wrong("a list of texts in quotes"))
    }

    /// A number or a text, by the text.
    ///
    /// # Errors
    /// Where it is neither, or what the reader of texts objects to.
    pub fn amount<T>(&self, read: impl Fn(&str) -> Result<T, String>) -> Result<T, Fault> {
        let text = match self.item.as_integer() {
            Some(number) => number.to_string(),
            None => self.item.as_str().map(str::to_owned).unwrap_or_default(),
        };
        read(&text).map_err(|what| self.fault(format!("{}: {what}", self.key)))
    }
}
