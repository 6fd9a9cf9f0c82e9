//! How the rows of every table begin.

use crate::settings::Setting;
use crate::{Column, Table};

/// What stands over a row's first cells, and the rule below that.
pub fn head(table: &Table) -> (String, String) {
    let (mut names, mut rule) = (Vec::new(), String::new());
    for column in table.columns {
        let (name, side) = match column {
            Column::Build => ("profile", "---"),
            Column::Workload => ("workload", "---"),
            Column::Threads => ("threads", "--:"),
            Column::Depth => ("depth", "--:"),
        };
        names.push(name);
        rule += &format!("| {side} ");
    }
    (names.join(" | "), rule)
}

/// How a row begins.
pub fn cells(table: &Table, setting: &Setting) -> String {
    let cell = |column: &Column| match column {
        Column::Build => setting.build.name.to_owned(),
        Column::Workload => setting.name(),
        Column::Threads => setting.threads.to_string(),
        Column::Depth if setting.depth == 0 => String::new(),
        Column::Depth => setting.depth.to_string(),
    };
    table.columns.iter().map(cell).collect::<Vec<_>>().join(" | ")
}
