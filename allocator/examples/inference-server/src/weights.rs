//! Weights: made once, written to a safetensors file, and loaded from it.
//!
//! Embedding and layers are drawn; the head is fitted to a text on what they make of
//! it, by softmax regression: a second's work, and it writes what resembles the text.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::error::Result;
use crate::model::{HIDDEN, LAYERS, Layer, Model, Session, VOCABULARY, WIDTH};
use crate::tags;

const CORPUS: &str = include_str!("corpus.txt");
const ROUNDS: usize = 60;
const RATE: f32 = 0.02;

/// Numbers from a seed, by SplitMix64.
struct Random(u64);

impl Random {
    /// A number in [-1, 1).
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn matrix(&mut self, rows: usize, columns: usize) -> Vec<f32> {
        let scale = (3.0 / columns as f32).sqrt();
        (0..rows * columns).map(|_| self.next() * scale).collect()
    }
}

/// A model whose head is fitted to the text.
fn make() -> Result<Model> {
    let mut random = Random(1);
    let mut model = Model { embedding: random.matrix(VOCABULARY, WIDTH), ..Model::default() };
    model.embedding.iter_mut().for_each(|number| *number *= (WIDTH as f32).sqrt());
    for _ in 0..LAYERS {
        model.layers.push(Layer {
            attention: [(); 4].map(|()| random.matrix(WIDTH, WIDTH)),
            up: random.matrix(HIDDEN, WIDTH),
            down: random.matrix(WIDTH, HIDDEN),
        });
    }
    model.head = vec![0.0; VOCABULARY * (WIDTH + 1)];
    let mut seen = Vec::new();
    for line in CORPUS.lines() {
        let mut session = Session::new(line.len() + 1)?;
        let tokens = line.bytes().chain([b'\n']);
        for (token, next) in tokens.clone().zip(tokens.skip(1)) {
            model.step(&mut session, token);
            seen.push((session.state().to_vec(), next));
        }
    }
    for _ in 0..ROUNDS {
        seen.iter().for_each(|(state, next)| fit(&mut model.head, state, *next));
    }
    Ok(model)
}

/// One step down the gradient.
fn fit(head: &mut [f32], state: &[f32], next: u8) {
    let mut odds = [0.0_f32; VOCABULARY];
    for (odd, row) in odds.iter_mut().zip(head.chunks_exact(WIDTH + 1)) {
        let products = row.iter().zip(state).map(|(weight, number)| weight * number);
        *odd = (products.sum::<f32>() + row[WIDTH]).min(60.0).exp();
    }
    let sum: f32 = odds.iter().sum();
    for (token, (odd, row)) in odds.iter().zip(head.chunks_exact_mut(WIDTH + 1)).enumerate() {
        let step = RATE * (f32::from(token == usize::from(next)) - odd / sum);
        row.iter_mut().zip(state).for_each(|(weight, number)| *weight += step * number);
        row[WIDTH] += step;
    }
}

/// All tensors by name, with their columns.
fn tensors(model: &mut Model) -> BTreeMap<String, (usize, &mut Vec<f32>)> {
    let mut all = BTreeMap::new();
    all.insert("embedding".to_owned(), (WIDTH, &mut model.embedding));
    all.insert("head".to_owned(), (WIDTH + 1, &mut model.head));
    for (index, layer) in model.layers.iter_mut().enumerate() {
        for (name, tensor) in ["query", "key", "value", "mix"].iter().zip(&mut layer.attention) {
            all.insert(format!("layers.{index}.{name}"), (WIDTH, tensor));
        }
        all.insert(format!("layers.{index}.up"), (WIDTH, &mut layer.up));
        all.insert(format!("layers.{index}.down"), (HIDDEN, &mut layer.down));
    }
    all
}

/// Makes the file, unless it is there.
///
/// # Errors
/// What the system says.
pub fn write(path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let mut model = make()?;
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = tensors(&mut model)
        .into_iter()
        .map(|(name, (columns, tensor))| {
            let bytes = tensor.iter().flat_map(|number| number.to_le_bytes()).collect();
            (name, vec![tensor.len() / columns, columns], bytes)
        })
        .collect();
    let mut views = Vec::new();
    for (name, shape, bytes) in &bytes {
        views.push((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?));
    }
    // Whoever looks in between finds no half a file.
    let fresh = path.with_extension(format!("{}.new", std::process::id()));
    fs::write(&fresh, safetensors::serialize(views, None)?)?;
    Ok(fs::rename(fresh, path)?)
}

/// Loads the file.
///
/// # Errors
/// A file that is missing, or whose tensors are not this model's.
pub fn load(path: &Path) -> Result<Model> {
    let bytes = {
        let _scope = tags::FILE.enter();
        fs::read(path)?
    };
    let file = SafeTensors::deserialize(&bytes)?;
    let mut model = Model::default();
    model.layers.resize_with(LAYERS, Layer::default);
    for (name, (columns, tensor)) in tensors(&mut model) {
        let view = file.tensor(&name)?;
        if view.dtype() != Dtype::F32 || view.shape().get(1) != Some(&columns) {
            return Err(format!("{name} is not this model's").into());
        }
        let _scope = tags::WEIGHTS.enter();
        let numbers = view.data().chunks_exact(4);
        tensor.reserve_exact(numbers.len());
        tensor.extend(numbers.map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])));
    }
    Ok(model)
}
