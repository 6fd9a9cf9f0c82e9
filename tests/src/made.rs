//! Tags by the thousand. A tag lives for ever, so each is leaked.

use scrubjay::Tag;

/// Name of a made tag.
pub fn name(number: usize) -> String {
    format!("made/{:02}/{number:04}", number / 100)
}

/// So many tags; those of two calls have the same names.
pub fn tags(count: usize) -> Vec<&'static Tag> {
    let tag = |number| {
        let name: &'static str = Box::leak(name(number).into_boxed_str());
        &*Box::leak(Box::new(Tag::new(name)))
    };
    (0..count).map(tag).collect()
}
