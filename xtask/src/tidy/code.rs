//! Rust text without its comments and literals, so that rules see code alone.

/// The text with comments, and the insides of strings and characters, blanked
/// out. Lines and columns stay where they were.
pub fn without_prose(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let prose = prose_length(rest, code.ends_with(is_word));
        if prose > 0 {
            code.extend(rest[..prose].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[prose..];
        } else {
            let Some(c) = rest.chars().next() else { break };
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    code
}

/// Whether a character may stand in a name.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether `word` stands in `code` as a word of its own; where.
pub fn find_word(code: &str, word: &str) -> Option<usize> {
    code.match_indices(word)
        .map(|(at, _)| at)
        .find(|&at| !code[..at].ends_with(is_word) && !code[at + word.len()..].starts_with(is_word))
}

/// The code up to the tests, which stand last in a file.
pub fn before_tests(code: &str) -> &str {
    let starts = ["#[cfg(test)]", "#[cfg(all(test,"].map(|start| code.find(start));
    starts.into_iter().flatten().min().map_or(code, |at| &code[..at])
}

/// Bytes of the comment or literal that `rest` starts with, or 0.
fn prose_length(rest: &str, in_word: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment_length(rest);
    }
    if rest.starts_with('"') {
        return string_length(rest);
    }
    if let Some(raw) = rest.strip_prefix('r')
        && !in_word
    {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let inside = &raw[hashes + 1..];
            let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
            return 1 + hashes + 1 + length;
        }
    }
    if let Some(quoted) = rest.strip_prefix('\'') {
        return character_length(quoted).map_or(0, |length| 1 + length);
    }
    0
}

fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Bytes of a character literal after its opening quote; none for a lifetime.
fn character_length(quoted: &str) -> Option<usize> {
    let mut characters = quoted.chars();
    let first = characters.next()?;
    if first == '\\' {
        // The escaped character may itself be a quote.
        let escaped = characters.next()?.len_utf8();
        return quoted[1 + escaped..].find('\'').map(|at| 1 + escaped + at + 1);
    }
    (characters.next()? == '\'').then(|| first.len_utf8() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank_and_lines_stay() {
        let text = "a /* b /* c */ d */ e // f\n\"g \\\" h\" 'i' '\\'' r#\"j \" k\"# 'l l\n";
        let code = without_prose(text);
        assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "e", "'l", "l"]);
        assert_eq!(code.lines().count(), 2);
        assert_eq!(code.len(), text.len());
    }

    #[test]
    fn a_word_is_not_found_inside_another() {
        assert_eq!(find_word("unsafe_code unsafe", "unsafe"), Some(12));
        assert_eq!(find_word("unsafely", "unsafe"), None);
    }
}
