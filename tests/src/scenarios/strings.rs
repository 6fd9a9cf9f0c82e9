//! What programs do with text.

use std::ffi::{CString, OsString};
use std::path::PathBuf;

use crate::releases::Released;

use super::text::text;

pub(super) fn of_all_kinds(key: u64, _: &mut Released) {
    let secret = text(key, 3_000);
    let mut built = format!("{secret}: {:?}, {secret:>4000}", &secret[..200]);
    built.push_str(&secret);
    built.insert(7, 'ß');
    let words: Vec<String> = secret.split('A').map(str::to_owned).collect();
    let joined = words.join("--");
    let replaced = secret.replace('B', "bee").replacen("C", "sea", 3);
    let cases = [secret.to_uppercase(), secret.to_ascii_uppercase(), secret.to_lowercase()];
    let repeated = secret.repeat(3);
    let letters: Vec<char> = secret.chars().collect();
    let back: String = letters.iter().rev().rev().collect();
    let mut broken = secret.clone().into_bytes();
    broken.insert(1_000, 0xFF);
    let mended = String::from_utf8_lossy(&broken).into_owned();
    let path = PathBuf::from(&secret[..100]).join(&secret[100..200]);
    let foreign = (OsString::from(&secret), CString::new(secret.as_str()).expect("no zero"));
    let boxed: Box<str> = secret.trim_matches('D').into();
    drop((built, words, joined, replaced, cases, repeated));
    drop((letters, back, broken, mended, path, foreign, boxed, secret));
}
