//! Why this answer: gradient × input, for each token of the prompt.

use candle_core::{D, Device, Tensor, Var};

use crate::error::Result;
use crate::model::Model;
use crate::tags;

/// How much each token of `prompt` speaks for `answer` as the next one. Their
/// magnitudes add up to one.
///
/// # Errors
/// What candle says.
pub fn attribute(model: &Model, prompt: &[u32], answer: u32) -> Result<Vec<f32>> {
    let _scope = tags::EXPLAIN.enter();
    let tokens = Tensor::from_slice(prompt, (1, prompt.len()), &Device::Cpu)?;
    let input = Var::from_tensor(&model.embed(&tokens, 0)?)?;
    let logits = model.logits(input.as_tensor(), None)?;
    let score = logits.get(0)?.get(prompt.len() - 1)?.get(answer as usize)?;
    let gradients = score.backward()?;
    let gradient = gradients.get(&input).ok_or("the answer does not depend on the prompt")?;
    let shares = (gradient * input.as_tensor())?.sum(D::Minus1)?.get(0)?;
    let total = shares.abs()?.sum_all()?.to_scalar::<f32>()?;
    Ok((shares / f64::from(total).max(f64::MIN_POSITIVE))?.to_vec1()?)
}
