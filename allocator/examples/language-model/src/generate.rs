//! Generation: one token after the other, the most likely each time.

use candle_core::{DType, Device, Tensor};

use crate::error::Result;
use crate::model::{Cache, Model};
use crate::tags;

/// Goes on after `prompt` for at most `count_max` tokens, or until `end`.
///
/// # Errors
/// A prompt that is empty or leaves no room to answer.
pub fn generate(model: &Model, prompt: &[u32], end: u32, count_max: usize) -> Result<Vec<u32>> {
    let room = model.config().context.saturating_sub(prompt.len());
    if prompt.is_empty() || room == 0 {
        return Err(format!("a prompt of {} tokens: cannot answer", prompt.len()).into());
    }
    let mut cache = Cache::new(model.config());
    let mut answer = Vec::new();
    // A prompt goes on: the end of its line is no answer.
    let mut next = step(model, prompt, &mut cache, Some(end))?;
    while next != end {
        answer.push(next);
        if answer.len() == count_max.min(room) {
            break;
        }
        next = step(model, &[next], &mut cache, None)?;
    }
    Ok(answer)
}

/// Reads tokens and says which one comes next, though never `but`.
fn step(model: &Model, tokens: &[u32], cache: &mut Cache, but: Option<u32>) -> Result<u32> {
    let tokens = Tensor::from_slice(tokens, (1, tokens.len()), &Device::Cpu)?;
    let logits = model.logits(&model.embed(&tokens, cache.size())?, Some(cache))?;
    let _scope = tags::ACTIVATIONS.enter();
    let last = logits.narrow(1, logits.dim(1)? - 1, 1)?.flatten_all()?;
    let last: Vec<f32> = last.to_dtype(DType::F32)?.to_vec1()?;
    let likeliest = (0..last.len() as u32)
        .filter(|&token| Some(token) != but)
        .max_by(|&a, &b| last[a as usize].total_cmp(&last[b as usize]));
    Ok(likeliest.ok_or("a model without tokens")?)
}
