//! The transformer: a causal language model that reads tokens and says how
//! likely each token is to come next.

use std::collections::HashMap;

use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::kv_cache::KvCache;
use candle_nn::{Linear, Module, VarBuilder, ops};

use crate::config::Config;
use crate::tags;

const EPSILON: f32 = 1e-5;

/// What attention remembers of the tokens before, a layer at a time.
pub struct Cache(Vec<KvCache>);

impl Cache {
    /// Remembers nothing yet.
    pub fn new(config: &Config) -> Self {
        let _scope = tags::KV_CACHE.enter();
        Self((0..config.layers).map(|_| KvCache::new(2, config.context)).collect())
    }

    /// How many tokens it remembers.
    pub fn size(&self) -> usize {
        self.0.first().map_or(0, KvCache::current_seq_len)
    }
}

/// The model over a set of tensors, which may be in training or loaded.
pub struct Model {
    config: Config,
    token: Tensor,
    position: Tensor,
    position_projection: Linear,
    layers: Vec<Layer>,
    norm: Norm,
    output: Linear,
}

impl Model {
    /// Takes the tensors by their names; they are shared, not copied.
    ///
    /// # Errors
    /// A tensor that is missing or has another shape.
    pub fn new(config: Config, tensors: &HashMap<String, Tensor>) -> Result<Self> {
        let dtype = tensors.values().next().map_or(DType::F32, Tensor::dtype);
        let tensors = VarBuilder::from_tensors(tensors.clone(), dtype, &Device::Cpu);
        let Config { vocabulary, context, width, position_width, .. } = config;
        let layers = (0..config.layers)
            .map(|index| Layer::new(&config, &tensors.pp(format!("layer.{index}"))))
            .collect::<Result<_>>()?;
        Ok(Self {
            config,
            token: tensors.get((vocabulary, width), "token.weight")?,
            position: tensors.get((context, position_width), "position.weight")?,
            position_projection: candle_nn::linear(
                position_width,
                width,
                tensors.pp("position.projection"),
            )?,
            layers,
            norm: Norm::new(width, &tensors.pp("norm"))?,
            output: candle_nn::linear_no_bias(width, vocabulary, tensors.pp("output"))?,
        })
    }

    /// The measures it was built with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Tokens (rows × columns) to what enters the first layer, where `offset`
    /// tokens came before.
    ///
    /// # Errors
    /// More tokens than the model sees at once.
    pub fn embed(&self, tokens: &Tensor, offset: usize) -> Result<Tensor> {
        let _scope = tags::ACTIVATIONS.enter();
        let (rows, columns) = tokens.dims2()?;
        let token = self.token.embedding(&tokens.flatten_all()?)?;
        let token = token.reshape((rows, columns, self.config.width))?;
        let position = self.position.narrow(0, offset, columns)?;
        token.broadcast_add(&self.position_projection.forward(&position)?)
    }

    /// From there to one row of logits a token (rows × columns × vocabulary).
    ///
    /// # Errors
    /// What candle says.
    pub fn logits(&self, embedded: &Tensor, mut cache: Option<&mut Cache>) -> Result<Tensor> {
        let _scope = tags::ACTIVATIONS.enter();
        let offset = cache.as_ref().map_or(0, |cache| cache.size());
        let mask = mask(embedded.dim(1)?, offset, embedded.dtype())?;
        let mut stream = embedded.clone();
        for (index, layer) in self.layers.iter().enumerate() {
            let cache = cache.as_mut().map(|cache| &mut cache.0[index]);
            stream = layer.forward(&stream, &mask, cache)?;
        }
        self.output.forward(&self.norm.forward(&stream)?)
    }
}

/// Zero where a token may look, minus infinity where it would look ahead.
fn mask(columns: usize, offset: usize, dtype: DType) -> Result<Tensor> {
    let rows: Vec<f32> = (0..columns)
        .flat_map(|row| {
            (0..offset + columns)
                .map(move |column| if column > offset + row { f32::NEG_INFINITY } else { 0.0 })
        })
        .collect();
    Tensor::from_vec(rows, (1, 1, columns, offset + columns), &Device::Cpu)?.to_dtype(dtype)
}

struct Layer {
    attention_norm: Norm,
    attention: Attention,
    perceptron_norm: Norm,
    perceptron_input: Linear,
    perceptron_output: Linear,
}

impl Layer {
    fn new(config: &Config, tensors: &VarBuilder) -> Result<Self> {
        let Config { width, hidden, .. } = *config;
        Ok(Self {
            attention_norm: Norm::new(width, &tensors.pp("attention.norm"))?,
            attention: Attention::new(config, &tensors.pp("attention"))?,
            perceptron_norm: Norm::new(width, &tensors.pp("perceptron.norm"))?,
            perceptron_input: candle_nn::linear(width, hidden, tensors.pp("perceptron.input"))?,
            perceptron_output: candle_nn::linear(hidden, width, tensors.pp("perceptron.output"))?,
        })
    }

    fn forward(
        &self,
        stream: &Tensor,
        mask: &Tensor,
        cache: Option<&mut KvCache>,
    ) -> Result<Tensor> {
        let attended =
            self.attention.forward(&self.attention_norm.forward(stream)?, mask, cache)?;
        let stream = (stream + attended)?;
        let inner = self.perceptron_input.forward(&self.perceptron_norm.forward(&stream)?)?;
        &stream + self.perceptron_output.forward(&inner.gelu()?)?
    }
}

struct Attention {
    heads: usize,
    head_width: usize,
    input: Linear,
    /// One learnt factor a head: how sharply it looks.
    temperature: Tensor,
    output: Linear,
}

impl Attention {
    fn new(config: &Config, tensors: &VarBuilder) -> Result<Self> {
        let width = config.width;
        Ok(Self {
            heads: config.heads,
            head_width: config.head_width(),
            input: candle_nn::linear(width, 3 * width, tensors.pp("input"))?,
            temperature: tensors.get(config.heads, "temperature")?,
            output: candle_nn::linear(width, width, tensors.pp("output"))?,
        })
    }

    fn forward(
        &self,
        stream: &Tensor,
        mask: &Tensor,
        cache: Option<&mut KvCache>,
    ) -> Result<Tensor> {
        let (rows, columns, width) = stream.dims3()?;
        let parts = self.input.forward(stream)?;
        let part = |index: usize| {
            parts
                .narrow(2, index * width, width)?
                .reshape((rows, columns, self.heads, self.head_width))?
                .transpose(1, 2)?
                .contiguous()
        };
        let (query, mut key, mut value) = (part(0)?, part(1)?, part(2)?);
        if let Some(cache) = cache {
            let _scope = tags::KV_CACHE.enter();
            (key, value) = cache.append(&key, &value)?;
        }
        let scale = 1.0 / (self.head_width as f64).sqrt();
        let temperature = self.temperature.reshape((1, self.heads, 1, 1))?;
        let query = (query * scale)?.broadcast_mul(&temperature)?;
        let scores = query.matmul(&key.t()?)?.broadcast_add(mask)?;
        let attended = softmax(&scores)?.matmul(&value.contiguous()?)?;
        let joined = attended.transpose(1, 2)?.reshape((rows, columns, width))?;
        self.output.forward(&joined)
    }
}

// candle's fused softmax and norm have no backward pass: they serve where no
// gradient is asked for.

fn softmax(scores: &Tensor) -> Result<Tensor> {
    if scores.track_op() { ops::softmax(scores, D::Minus1) } else { ops::softmax_last_dim(scores) }
}

struct Norm {
    weight: Tensor,
    bias: Tensor,
}

impl Norm {
    fn new(size: usize, tensors: &VarBuilder) -> Result<Self> {
        Ok(Self { weight: tensors.get(size, "weight")?, bias: tensors.get(size, "bias")? })
    }

    fn forward(&self, stream: &Tensor) -> Result<Tensor> {
        if stream.track_op() {
            ops::layer_norm_slow(stream, &self.weight, &self.bias, EPSILON)
        } else {
            ops::layer_norm(stream, &self.weight, &self.bias, EPSILON)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Parameter, Start};
    use crate::random::Random;

    fn model() -> Model {
        let config = Config {
            vocabulary: 11,
            context: 16,
            width: 24,
            position_width: 4,
            hidden: 32,
            heads: 3,
            layers: 2,
        };
        let mut random = Random::new(1, "test");
        let mut tensor = |Parameter { name, shape, start }: Parameter| {
            let mut draw = || match start {
                Start::Normal(deviation) => (random.normal() * deviation) as f32,
                Start::Constant(value) => value + random.normal() as f32 / 10.0,
            };
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| draw()).collect();
            Ok((name, Tensor::from_vec(values, shape, &Device::Cpu)?))
        };
        let tensors = config.parameters().into_iter().map(&mut tensor).collect::<Result<_>>();
        Model::new(config, &tensors.unwrap()).unwrap()
    }

    fn last_logits(model: &Model, tokens: &[u32], cache: Option<&mut Cache>) -> Vec<f32> {
        let offset = cache.as_ref().map_or(0, |cache| cache.size());
        let tokens = Tensor::from_slice(tokens, (1, tokens.len()), &Device::Cpu).unwrap();
        let logits = model.logits(&model.embed(&tokens, offset).unwrap(), cache).unwrap();
        logits.get(0).unwrap().get(logits.dim(1).unwrap() - 1).unwrap().to_vec1().unwrap()
    }

    #[test]
    fn with_its_cache_the_model_says_what_it_says_without() {
        let model = model();
        let tokens = [3, 1, 4, 1, 5, 9, 2, 6];
        let mut cache = Cache::new(model.config());
        last_logits(&model, &tokens[..5], Some(&mut cache));
        last_logits(&model, &tokens[5..7], Some(&mut cache));
        let with = last_logits(&model, &tokens[7..], Some(&mut cache));
        let without = last_logits(&model, &tokens, None);
        assert_eq!(cache.size(), tokens.len());
        assert!(
            with.iter().zip(&without).all(|(a, b)| (a - b).abs() < 1e-4),
            "{with:?} {without:?}"
        );
    }

    #[test]
    fn a_token_says_nothing_about_those_before_it() {
        let model = model();
        let first = |tokens: &[u32]| {
            let tokens = Tensor::from_slice(tokens, (1, tokens.len()), &Device::Cpu).unwrap();
            let logits = model.logits(&model.embed(&tokens, 0).unwrap(), None).unwrap();
            logits.get(0).unwrap().get(0).unwrap().to_vec1::<f32>().unwrap()
        };
        assert_eq!(first(&[3, 1, 4]), first(&[3, 9, 9]));
    }

    #[test]
    fn gradients_reach_the_input_and_agree_with_a_small_step() {
        let model = model();
        let tokens = [3, 1, 4, 1, 5];
        let shares = crate::explain::attribute(&model, &tokens, 7).unwrap();
        assert_eq!(shares.len(), tokens.len());
        let total: f32 = shares.iter().map(|share| share.abs()).sum();
        assert!((total - 1.0).abs() < 1e-4, "{shares:?}");

        // gradient × input is how the logit changes as a token's row is scaled.
        let ids = Tensor::from_slice(&tokens, (1, tokens.len()), &Device::Cpu).unwrap();
        let input = model.embed(&ids, 0).unwrap();
        let logit = |token: usize, scale: f64| -> f32 {
            let rows = (0..tokens.len()).map(|row| {
                let factor = if row == token { scale } else { 1.0 };
                (input.narrow(1, row, 1).unwrap() * factor).unwrap()
            });
            let input = Tensor::cat(&rows.collect::<Vec<_>>(), 1).unwrap();
            let logits = model.logits(&input, None).unwrap();
            logits.get(0).unwrap().get(tokens.len() - 1).unwrap().to_vec1::<f32>().unwrap()[7]
        };
        let slopes: Vec<f32> =
            (0..tokens.len()).map(|row| (logit(row, 1.01) - logit(row, 0.99)) / 0.02).collect();
        let total: f32 = slopes.iter().map(|slope| slope.abs()).sum();
        for (slope, share) in slopes.iter().zip(&shares) {
            assert!((slope / total - share).abs() < 0.01, "{slopes:?} {shares:?}");
        }
    }
}
