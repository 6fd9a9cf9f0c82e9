//! A decoder-only transformer over bytes, in plain Rust: attention that prefers what
//! is near (a slope a head), a layer of rectified units, and a head that names the
//! next byte.

use std::collections::TryReserveError;

use crate::tags;

/// Tokens are bytes of ASCII.
pub const VOCABULARY: usize = 128;
/// Numbers of a token's state.
pub const WIDTH: usize = 64;
/// Numbers between the two halves of a layer's second part.
pub const HIDDEN: usize = 128;
/// Layers.
pub const LAYERS: usize = 4;
const HEADS: usize = 4;
const HEAD_WIDTH: usize = WIDTH / HEADS;
/// What a token leaves in the cache of keys and values, in lines: of each layer the
/// keys of all heads, then their values.
const TOKEN_LINES: usize = LAYERS * 2 * HEADS;
/// The same in bytes.
pub const TOKEN_BYTES: usize = TOKEN_LINES * size_of::<Line>();
/// Ends an answer.
const END: u8 = b'\n';

/// A head's key or value: a line of the processor's cache.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
pub struct Line(pub Numbers);

/// What stands in a line.
pub type Numbers = [f32; HEAD_WIDTH];

/// One layer's matrices, row by row.
#[derive(Default)]
pub struct Layer {
    /// Makes queries, keys and values, then mixes the heads.
    pub attention: [Vec<f32>; 4],
    /// To the hidden units.
    pub up: Vec<f32>,
    /// And back.
    pub down: Vec<f32>,
}

/// All weights.
#[derive(Default)]
pub struct Model {
    /// A row a token.
    pub embedding: Vec<f32>,
    /// In order.
    pub layers: Vec<Layer>,
    /// A row a token, [`WIDTH`] weights and a bias.
    pub head: Vec<f32>,
}

/// What a conversation holds: the keys and values of its tokens, and room for what
/// flows through the layers.
pub struct Session {
    /// Token after token, [`TOKEN_LINES`] each.
    cache: Vec<Line>,
    activations: Activations,
    context: usize,
}

struct Activations {
    state: Vec<f32>,
    normed: Vec<f32>,
    query: Vec<f32>,
    mixed: Vec<f32>,
    added: Vec<f32>,
    hidden: Vec<f32>,
    scores: Vec<f32>,
    logits: Vec<f32>,
}

/// A vector of zeros, if there is memory.
fn zeros(count: usize) -> Result<Vec<f32>, TryReserveError> {
    let mut vector = Vec::new();
    vector.try_reserve_exact(count)?;
    vector.resize(count, 0.0);
    Ok(vector)
}

impl Session {
    /// Of at most so many tokens: takes all memory that it will need.
    ///
    /// # Errors
    /// Where there is none.
    pub fn new(context: usize) -> Result<Self, TryReserveError> {
        let cache = {
            let _scope = tags::KV_CACHE.enter();
            let mut cache = Vec::new();
            cache.try_reserve_exact(context * TOKEN_LINES)?;
            cache
        };
        let _scope = tags::ACTIVATIONS.enter();
        let activations = Activations {
            state: zeros(WIDTH)?,
            normed: zeros(WIDTH)?,
            query: zeros(WIDTH)?,
            mixed: zeros(WIDTH)?,
            added: zeros(WIDTH)?,
            hidden: zeros(HIDDEN)?,
            scores: zeros(context)?,
            logits: zeros(VOCABULARY)?,
        };
        Ok(Self { cache, activations, context })
    }

    /// The keys and values so far.
    pub fn cache(&self) -> &[Line] {
        &self.cache
    }

    /// Takes over keys and values of tokens that were seen before.
    pub fn restore(&mut self, cache: &[Numbers]) {
        self.cache.clear();
        self.cache.extend(cache.iter().take(self.context * TOKEN_LINES).copied().map(Line));
    }

    /// The state behind the last layer.
    pub fn state(&self) -> &[f32] {
        &self.activations.normed
    }

    fn count(&self) -> usize {
        self.cache.len() / TOKEN_LINES
    }
}

/// `out = matrix × vector`, with as many rows as `out` has places.
fn multiply(out: &mut [f32], matrix: &[f32], vector: &[f32]) {
    for (out, row) in out.iter_mut().zip(matrix.chunks_exact(vector.len())) {
        *out = row.iter().zip(vector).map(|(weight, number)| weight * number).sum();
    }
}

/// To a mean square of 1.
fn normalise(out: &mut [f32], vector: &[f32]) {
    let square = vector.iter().map(|number| number * number).sum::<f32>() / vector.len() as f32;
    let scale = 1.0 / (square + 1e-6).sqrt();
    out.iter_mut().zip(vector).for_each(|(out, number)| *out = number * scale);
}

fn softmax(scores: &mut [f32]) {
    let most = scores.iter().copied().fold(f32::MIN, f32::max);
    scores.iter_mut().for_each(|score| *score = (*score - most).exp());
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
}

impl Model {
    /// Runs one token through the layers. Allocates nothing.
    ///
    /// # Panics
    /// Beyond the session's context.
    pub fn step(&self, session: &mut Session, token: u8) {
        assert!(session.count() < session.context, "the context is full");
        let place = session.cache.len();
        session.cache.resize(place + TOKEN_LINES, Line::default());
        let token = usize::from(token) % VOCABULARY;
        let row = &self.embedding[token * WIDTH..][..WIDTH];
        session.activations.state.copy_from_slice(row);
        for (index, layer) in self.layers.iter().enumerate() {
            attend(layer, index, session);
            let Activations { state, normed, added, hidden, .. } = &mut session.activations;
            normalise(normed, state);
            multiply(hidden, &layer.up, normed);
            hidden.iter_mut().for_each(|number| *number = number.max(0.0));
            multiply(added, &layer.down, hidden);
            state.iter_mut().zip(added).for_each(|(state, added)| *state += *added);
        }
        let Activations { state, normed, .. } = &mut session.activations;
        normalise(normed, state);
    }

    /// The most likely next token.
    fn next(&self, session: &mut Session) -> u8 {
        let Activations { normed, logits, .. } = &mut session.activations;
        for (logit, row) in logits.iter_mut().zip(self.head.chunks_exact(WIDTH + 1)) {
            let (weights, bias) = row.split_at(WIDTH);
            multiply(std::slice::from_mut(logit), weights, normed);
            *logit += bias[0];
        }
        let best = (0..VOCABULARY).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
        best.unwrap_or(0) as u8
    }

    /// Writes at most `count` tokens behind what the session has seen, in `answer`,
    /// which has room for them.
    pub fn generate(&self, session: &mut Session, count: usize, answer: &mut Vec<u8>) {
        for index in 0..count {
            let token = self.next(session);
            if token == END {
                return;
            }
            answer.push(token);
            if index + 1 < count {
                self.step(session, token);
            }
        }
    }
}

/// A layer's first part: what the token's state takes over from those before it.
fn attend(layer: &Layer, index: usize, session: &mut Session) {
    let last = session.count() - 1;
    let [to_query, to_key, to_value, mix] = &layer.attention;
    let Activations { state, normed, query, mixed, added, scores, .. } = &mut session.activations;
    normalise(normed, state);
    multiply(query, to_query, normed);
    let own = &mut session.cache[last * TOKEN_LINES + index * 2 * HEADS..][..2 * HEADS];
    for (matrix, lines) in [to_key, to_value].into_iter().zip(own.chunks_exact_mut(HEADS)) {
        for (rows, line) in matrix.chunks_exact(HEAD_WIDTH * WIDTH).zip(lines) {
            multiply(&mut line.0, rows, normed);
        }
    }
    mixed.fill(0.0);
    for head in 0..HEADS {
        let columns = head * HEAD_WIDTH..(head + 1) * HEAD_WIDTH;
        let slope = 0.5_f32.powi(2 * head as i32 - 1);
        let scores = &mut scores[..=last];
        let (key, value) = (index * 2 * HEADS + head, (index * 2 + 1) * HEADS + head);
        let tokens = || session.cache.chunks_exact(TOKEN_LINES);
        for (place, (score, token)) in scores.iter_mut().zip(tokens()).enumerate() {
            let products = query[columns.clone()].iter().zip(&token[key].0);
            let product: f32 = products.map(|(a, b)| a * b).sum();
            *score = product / (HEAD_WIDTH as f32).sqrt() - slope * (last - place) as f32;
        }
        softmax(scores);
        for (score, token) in scores.iter().zip(tokens()) {
            let out = mixed[columns.clone()].iter_mut();
            out.zip(&token[value].0).for_each(|(out, value)| *out += score * value);
        }
    }
    multiply(added, mix, mixed);
    state.iter_mut().zip(added).for_each(|(state, added)| *state += *added);
}
