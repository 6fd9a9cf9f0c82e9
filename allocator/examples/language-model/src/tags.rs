//! What this program's memory is for, one tag a purpose.

use std::time::Duration;

use scrubjay::Tag;

/// The tensors that answers are computed with, as they were loaded.
pub static WEIGHTS: Tag = Tag::new("model/weights");
/// Keys and values of the tokens that a conversation has seen so far.
pub static KV_CACHE: Tag = Tag::new("model/kv-cache");
/// What flows through the layers.
pub static ACTIVATIONS: Tag = Tag::new("model/activations");
/// Gradients and products that say which token decided an answer.
pub static EXPLAIN: Tag = Tag::new("model/explain");

/// The tensors that training changes.
pub static TRAINED: Tag = Tag::new("model/training/weights");
/// The optimiser's two moments of each of them.
pub static MOMENTS: Tag = Tag::new("model/training/moments");
/// Gradients, and whatever else a step needs.
pub static GRADIENTS: Tag = Tag::new("model/training/gradients");

/// Vocabulary and merges, and the work on texts that are not secret.
pub static TOKENIZER: Tag = Tag::new("tokenizer");
/// What users ask, and what is made of it on the way to an answer: the one
/// thing here that must not outlive its use.
pub static PROMPT: Tag = Tag::new("prompt").secret().greatest_age(Duration::from_secs(60));
/// Text and tokens on their way from the corpus into a batch.
pub static INPUT: Tag = Tag::new("input");

/// Tensors turned into bytes on their way to a file.
pub static WRITE: Tag = Tag::new("checkpoint/write");

/// Loading the checkpoints (f32, f16, selection) in each way (whole, mapped,
/// each): a tag a load, so that each has a peak of its own.
pub static LOADS: [[Tag; 3]; 3] = [
    [
        Tag::new("checkpoint/load/f32/whole"),
        Tag::new("checkpoint/load/f32/mapped"),
        Tag::new("checkpoint/load/f32/each"),
    ],
    [
        Tag::new("checkpoint/load/f16/whole"),
        Tag::new("checkpoint/load/f16/mapped"),
        Tag::new("checkpoint/load/f16/each"),
    ],
    [
        Tag::new("checkpoint/load/selection/whole"),
        Tag::new("checkpoint/load/selection/mapped"),
        Tag::new("checkpoint/load/selection/each"),
    ],
];
