//! What the attack looks for: each prompt, and each kind of tensor.

use std::path::Path;

use anyhow::{Result, ensure};
use scrubjay_tests::attack::Secret;

use super::safetensors::{self, Tensor};

/// Kinds of tensors by size in bytes: glibc serves the small ones from its
/// heap, and would map the large ones.
const KINDS: [(&str, std::ops::Range<usize>); 3] = [
    ("below 128 KiB", 0..128 << 10),
    ("128 KiB to 1 MiB", 128 << 10..1 << 20),
    ("from 1 MiB", 1 << 20..usize::MAX),
];

/// The prompts, and the tensors that the model in a folder loaded.
pub fn of(prompts: &[String], folder: &Path) -> Result<Vec<Secret>> {
    let mut secrets: Vec<Secret> = prompts
        .iter()
        .enumerate()
        .map(|(index, prompt)| Secret {
            name: format!("prompt {index}"),
            pieces: vec![prompt.clone().into_bytes()],
        })
        .collect();
    for dtype in ["f32", "f16"] {
        let tensors = safetensors::read(&folder.join(format!("model-{dtype}.safetensors")))?;
        secrets.extend(kinds(dtype, &tensors)?);
    }
    Ok(secrets)
}

fn kinds(dtype: &str, tensors: &[Tensor]) -> Result<Vec<Secret>> {
    KINDS
        .iter()
        .map(|(name, sizes)| {
            let pieces: Vec<Vec<u8>> = tensors
                .iter()
                .filter(|tensor| sizes.contains(&tensor.bytes.len()))
                .map(|tensor| tensor.bytes.clone())
                .collect();
            ensure!(!pieces.is_empty(), "the model has no {dtype} tensor {name}");
            Ok(Secret { name: format!("{} {dtype} tensors {name}", pieces.len()), pieces })
        })
        .collect()
}
