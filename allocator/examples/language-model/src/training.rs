//! Training: fresh tensors, some steps of AdamW, tensors to keep.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, loss};

use crate::batches::{Batch, Batches};
use crate::config::{Config, Start};
use crate::error::Result;
use crate::model::Model;
use crate::random::Random;
use crate::tags;
use crate::tokenizer::Text;

/// Rows of a training batch.
pub const ROWS: usize = 8;
/// Tokens in a row.
pub const COLUMNS: usize = 40;

/// How a model is trained.
pub struct Plan<'a> {
    /// The text.
    pub corpus: &'a Path,
    /// Its tokenizer.
    pub text: &'a Text,
    /// Seed of the fresh tensors.
    pub seed: u64,
    /// How many steps.
    pub steps: usize,
}

/// Trains a model and returns its tensors by name.
///
/// # Errors
/// What the corpus, `tokenizers` or candle says.
pub fn train(config: Config, plan: &Plan) -> Result<HashMap<String, Tensor>> {
    let variables = fresh(&config, plan.seed)?;
    let _scope = tags::TRAINED.enter();
    let tensors: HashMap<String, Tensor> =
        variables.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
    let model = Model::new(config, &tensors)?;
    let mut optimiser = {
        let _scope = tags::MOMENTS.enter();
        let variables = variables.into_iter().map(|(_, variable)| variable).collect();
        AdamW::new(variables, ParamsAdamW { lr: 1.5e-3, ..ParamsAdamW::default() })?
    };

    let open = || Batches::open(plan.corpus, plan.text, ROWS, COLUMNS);
    let mut batches = open()?;
    for step in 1..=plan.steps {
        let batch = match batches.next()? {
            Some(batch) => batch,
            None => {
                batches = open()?;
                batches.next()?.ok_or("the corpus is shorter than one batch")?
            }
        };
        let loss = loss_of(&model, &batch)?;
        {
            let _scope = tags::GRADIENTS.enter();
            optimiser.step(&loss.backward()?)?;
        }
        if step == 1 || step % 10 == 0 || step == plan.steps {
            println!("  step {step:3}  loss {:.3}", loss.to_scalar::<f32>()?);
        }
    }
    Ok(tensors)
}

/// The mean loss over a batch.
///
/// # Errors
/// What candle says.
pub fn loss_of(model: &Model, batch: &Batch) -> Result<Tensor> {
    let embedded = model.embed(&batch.tokens, 0)?;
    let logits = model.logits(&embedded, None)?;
    let _scope = tags::ACTIVATIONS.enter();
    let logits = logits.flatten_to(1)?.to_dtype(candle_core::DType::F32)?;
    Ok(loss::cross_entropy(&logits, &batch.targets)?)
}

fn fresh(config: &Config, seed: u64) -> Result<Vec<(String, Var)>> {
    let _scope = tags::TRAINED.enter();
    let mut random = Random::new(seed, "weights");
    let mut variables = Vec::new();
    for parameter in config.parameters() {
        let count = parameter.shape.iter().product();
        let values: Vec<f32> = match parameter.start {
            Start::Constant(value) => vec![value; count],
            Start::Normal(deviation) => {
                (0..count).map(|_| (random.normal() * deviation) as f32).collect()
            }
        };
        let variable = Var::from_vec(values, parameter.shape, &Device::Cpu)?;
        variables.push((parameter.name, variable));
    }
    Ok(variables)
}
