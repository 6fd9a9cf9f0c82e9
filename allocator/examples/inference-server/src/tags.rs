//! What this server's memory is for, one tag a purpose.

use scrubjay::{Budget, Tag};

/// Bytes of a request's budget, unless told otherwise.
pub const REQUESTS_SIZE: u64 = 16 << 20;

/// The tensors that answers are computed with.
pub static WEIGHTS: Tag = Tag::new("model/weights");
/// The file that they are read from, while they are.
pub static FILE: Tag = Tag::new("model/file");

/// All that requests need: what is below it is refused past the limit, and the
/// request is shed. Nothing is allocated under it, or below it, that cannot fail.
pub static REQUESTS: Tag =
    Tag::new("requests").budget(Budget::hard(REQUESTS_SIZE).soft_limit(REQUESTS_SIZE / 4 * 3));
/// What users ask, and what they are answered.
pub static PROMPT: Tag = Tag::new("requests/prompt").secret();
/// Keys and values of the tokens that a request has seen so far.
pub static KV_CACHE: Tag = Tag::new("requests/kv-cache").secret();
/// What flows through the layers.
pub static ACTIVATIONS: Tag = Tag::new("requests/activations");

/// Keys and values of prompts that were asked before: dropped when memory is short.
pub static PROMPT_CACHE: Tag = Tag::new("prompt-cache").secret();
/// What is made of the span `http`: the way in and out, which cannot be refused.
pub static HTTP: Tag = Tag::new("http");

/// Registers those whose budgets are to be in force before their first scope.
pub fn declare() {
    for tag in [&REQUESTS, &PROMPT, &KV_CACHE, &ACTIVATIONS, &PROMPT_CACHE, &HTTP] {
        tag.declare();
    }
}
