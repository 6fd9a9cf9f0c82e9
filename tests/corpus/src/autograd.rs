//! Histories of computations as a training loop makes them: operations that
//! hold their inputs, for a backward pass.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use crate::case::{cases, exactly};
use crate::statics::{ROOM, locked};

/// The counts before a value in an `Arc` or `Rc`.
const COUNTS: usize = 2 * size_of::<usize>();
const VALUE: usize = COUNTS + size_of::<Value>();

cases! { "autograd.rs":
    Kept Open total_with_history at add: exactly(2 * 2 + 1, 2 * VALUE + 2 * 64 * 4 + 2 * 8),
        "a running total of losses keeps each loss's graph, since nobody detaches it";
    Kept Blind tape_never_cleared at record: exactly(3, 3 * 300 * 4),
        "a static tape records operations, and nobody runs it backward";
    Lost Open gradient_of_itself at variable: exactly(3, COUNTS + size_of::<Variable>() + 8 + 512),
        "a variable's gradient function has captured the variable";
    Kept Blind hidden_states at step: exactly(2, COUNTS + size_of::<State>() + 96 * 4),
        "each hidden state holds the one before it, without truncation";
    Clean Open tape_cleared, "a static tape is run backward and cleared in each run";
    Clean Blind total_detached, "a running total keeps the last value, without its inputs";
    Clean Open hidden_states_truncated, "a chain of hidden states is cut after three steps";
    Clean Blind graph_within, "a graph shares inputs, and is dropped with its result";
}

/// A gradient, and the inputs that it needs.
type Operation = (fn(f32) -> f32, Vec<f32>);

struct Value {
    _data: Vec<f32>,
    inputs: Vec<Arc<Self>>,
}

fn total_with_history() {
    add();
}

#[inline(never)]
fn add() {
    static TOTAL: Mutex<Option<Arc<Value>>> = Mutex::new(None);
    let mut total = locked(&TOTAL);
    let data = black_box(vec![1.0; 64]); // leaks
    let loss = Arc::new(Value { _data: data, inputs: Vec::new() }); // leaks
    let data = black_box(vec![2.0; 64]); // leaks
    let mut inputs = Vec::with_capacity(2); // leaks
    inputs.push(loss);
    inputs.extend(total.take());
    *total = Some(black_box(Arc::new(Value { _data: data, inputs }))); // leaks
}

fn tape_never_cleared() {
    for _ in 0..3 {
        record();
    }
}

#[inline(never)]
fn record() {
    static TAPE: Mutex<Vec<Operation>> = Mutex::new(Vec::new());
    let mut tape = locked(&TAPE);
    if tape.capacity() == 0 {
        tape.reserve_exact(ROOM);
    }
    tape.push((f32::tanh, black_box(vec![0.5; 300]))); // leaks
}

struct Variable {
    gradient: RefCell<Option<Box<dyn Fn() -> f32>>>,
    data: Vec<f32>,
}

fn gradient_of_itself() {
    variable();
}

#[inline(never)]
fn variable() -> Rc<Variable> {
    let data = black_box(vec![1.0; 128]); // leaks
    let variable = Rc::new(Variable { gradient: RefCell::default(), data }); // leaks
    let captured = variable.clone();
    *variable.gradient.borrow_mut() = Some(Box::new(move || captured.data[5])); // leaks
    black_box(variable)
}

struct State {
    _hidden: Vec<f32>,
    before: Option<Arc<Self>>,
}

fn hidden_states() {
    step();
}

#[inline(never)]
fn step() {
    static STATE: Mutex<Option<Arc<State>>> = Mutex::new(None);
    let mut state = locked(&STATE);
    let hidden = black_box(vec![0.1; 96]); // leaks
    *state = Some(Arc::new(State { _hidden: hidden, before: state.take() })); // leaks
}

fn tape_cleared() {
    static TAPE: Mutex<Vec<Operation>> = Mutex::new(Vec::new());
    let mut tape = locked(&TAPE);
    for _ in 0..9 {
        tape.push((f32::tanh, black_box(vec![0.5; 300])));
    }
    for (gradient, inputs) in tape.drain(..).rev() {
        black_box(gradient(inputs[0]));
    }
}

fn total_detached() {
    static TOTAL: Mutex<Option<Arc<Value>>> = Mutex::new(None);
    let mut total = locked(&TOTAL);
    let loss = Arc::new(Value { _data: black_box(vec![1.0; 64]), inputs: Vec::new() });
    let inputs = Vec::from_iter([loss].into_iter().chain(total.take()));
    let mut sum = Value { _data: black_box(vec![2.0; 64]), inputs };
    sum.inputs = Vec::new();
    *total = Some(Arc::new(sum));
}

fn hidden_states_truncated() {
    static STATE: Mutex<Option<Arc<State>>> = Mutex::new(None);
    let mut state = locked(&STATE);
    *state = None;
    for _ in 0..3 {
        let hidden = black_box(vec![0.1; 96]);
        *state = Some(Arc::new(State { _hidden: hidden, before: state.take() }));
    }
    black_box(state.as_ref().and_then(|state| state.before.as_ref()).is_some());
}

fn graph_within() {
    let weights = Arc::new(Value { _data: vec![1.0; 200], inputs: Vec::new() });
    let mut last = weights.clone();
    for _ in 0..10 {
        let inputs = vec![weights.clone(), last];
        last = black_box(Arc::new(Value { _data: vec![1.0; 200], inputs }));
    }
}
