//! The files that the rules look at.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::code;
use crate::workspace;

/// A text file of the workspace.
pub struct File {
    /// From the root, with `/`.
    pub path: String,
    /// Its text; empty for what is not text.
    pub text: String,
    /// Its text without comments and literals, line for line, if it is Rust.
    pub code: String,
}

/// All files that git knows or would take.
pub struct Tree {
    files: Vec<File>,
    /// Folders that name a machine or its user, and belong in no file.
    pub machine_paths: Vec<String>,
}

impl Tree {
    /// The workspace's files.
    pub fn of_workspace() -> Result<Self> {
        let root = workspace::root()?;
        let listed = workspace::output(&mut workspace::command(
            "git",
            &["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        )?)?;
        let mut files = Vec::new();
        for path in listed.split_terminator('\0') {
            // Listed, but gone: a removal that is not committed yet.
            let Ok(bytes) = fs::read(root.join(path)) else { continue };
            files.push((path.to_owned(), String::from_utf8(bytes).unwrap_or_default()));
        }
        let above = root.parent().context("the workspace is the root folder")?;
        let mut tree = Self::of(files);
        tree.machine_paths.push(format!("{}/", root.display()));
        // The folder above tells nothing where every machine has it.
        let common = ["/", "/tmp", "/var/tmp", "/srv", "/opt", "/mnt", "/usr/src"];
        if !common.iter().any(|folder| above == Path::new(folder)) {
            tree.machine_paths.push(format!("{}/", above.display()));
        }
        Ok(tree)
    }

    /// A tree of these paths and texts.
    pub fn of(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut files: Vec<File> = files
            .into_iter()
            .map(|(path, text)| {
                let code =
                    if path.ends_with(".rs") { code::without_prose(&text) } else { String::new() };
                File { path, text, code }
            })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let machine_paths = ["home", "root", "Users"].map(|name| format!("/{name}/")).to_vec();
        Self { files, machine_paths }
    }

    /// All files, by path.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The Rust files.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// The file at a path.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// A tree for a rule's test.
#[cfg(test)]
pub fn tree(files: &[(&str, &str)]) -> Tree {
    Tree::of(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())))
}
