//! What functions are called: by their paths, and where these are not known.

/// What a frame is called whose function is not known: its place in its module.
pub fn unnamed(module: Option<&str>, module_address: u64, address: u64) -> String {
    match module {
        Some(module) => {
            let name = module.rsplit('/').next().unwrap_or(module);
            format!("{name}+{module_address:#x}")
        }
        None => format!("{address:#x}"),
    }
}

/// Whether a name is the last part of a path. Of Rust's functions line tables
/// without more debug information have only that.
pub fn is_short_for(name: &str, path: &str) -> bool {
    let own = &name[..name.find('<').unwrap_or(name.len())];
    let is_own =
        |part: &str| part == own || own.starts_with("{closure") && part.contains("{closure");
    !own.contains("::") && path.contains("::") && path.split("::").any(is_own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_gives_way_to_its_path_alone() {
        assert!(is_short_for("load", "model::load"));
        assert!(is_short_for("load<model::Part>", "model::load::<model::Part>"));
        assert!(is_short_for("{closure#0}", "model::load::{{closure}}"));
        assert!(!is_short_for("load", "load"));
        // The linker put two functions into one.
        assert!(!is_short_for("store", "model::load"));
        assert!(!is_short_for("model::load", "other::load"));
    }
}
