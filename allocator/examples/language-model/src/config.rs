//! The model's measures, and the tensors that follow from them.

/// How large the model is.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// How many tokens there are.
    pub vocabulary: usize,
    /// How many tokens the model sees at once.
    pub context: usize,
    /// Width of the stream that runs through the layers.
    pub width: usize,
    /// Width of the table of positions, before it is projected to `width`.
    pub position_width: usize,
    /// Width inside a layer's perceptron.
    pub hidden: usize,
    /// Attention heads a layer.
    pub heads: usize,
    /// Layers.
    pub layers: usize,
}

/// What a tensor holds before the first step.
#[derive(Clone, Copy)]
pub enum Start {
    /// Normally distributed, with this deviation.
    Normal(f64),
    /// The same number everywhere.
    Constant(f32),
}

/// A tensor that the model needs.
pub struct Parameter {
    /// Its name, here and in files.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// What it holds before the first step.
    pub start: Start,
}

impl Config {
    /// Width of one head.
    pub fn head_width(&self) -> usize {
        self.width / self.heads
    }

    /// Every tensor of the model.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut list = List(Vec::new());
        let (width, hidden) = (self.width, self.hidden);
        list.table("token", self.vocabulary, width);
        list.table("position", self.context, self.position_width);
        list.linear("position.projection", self.position_width, width);
        for layer in 0..self.layers {
            let name = |part: &str| format!("layer.{layer}.{part}");
            list.norm(&name("attention.norm"), width);
            list.linear(&name("attention.input"), width, 3 * width);
            list.push(name("attention.temperature"), vec![self.heads], Start::Constant(1.0));
            list.linear(&name("attention.output"), width, width);
            list.norm(&name("perceptron.norm"), width);
            list.linear(&name("perceptron.input"), width, hidden);
            list.linear(&name("perceptron.output"), hidden, width);
        }
        list.norm("norm", width);
        list.table("output", self.vocabulary, width);
        list.0
    }
}

struct List(Vec<Parameter>);

impl List {
    fn push(&mut self, name: String, shape: Vec<usize>, start: Start) {
        self.0.push(Parameter { name, shape, start });
    }

    fn table(&mut self, name: &str, rows: usize, columns: usize) {
        self.push(format!("{name}.weight"), vec![rows, columns], Start::Normal(0.05));
    }

    fn linear(&mut self, name: &str, from: usize, to: usize) {
        let deviation = (from as f64).sqrt().recip() * 0.7;
        self.push(format!("{name}.weight"), vec![to, from], Start::Normal(deviation));
        // Drawn, not zero: a constant would carry no trace of this very model.
        self.push(format!("{name}.bias"), vec![to], Start::Normal(0.01));
    }

    fn norm(&mut self, name: &str, size: usize) {
        self.push(format!("{name}.weight"), vec![size], Start::Constant(1.0));
        self.push(format!("{name}.bias"), vec![size], Start::Constant(0.0));
    }
}
