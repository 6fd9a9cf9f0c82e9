//! The workload of a real library: `syn` parses Rust into a syntax tree.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::LazyLock;

const ITEM_COUNT: usize = 10;

/// Parses a source text and drops its tree, so many times.
pub fn parse(operations: u64) {
    // Made once: under a leak check each operation is a call.
    static SOURCE: LazyLock<String> = LazyLock::new(source);
    for _ in 0..operations {
        let Ok(tree) = syn::parse_file(&SOURCE) else { panic!("no Rust") };
        drop(black_box(tree));
    }
}

/// Items as people write them: types, impls, matches, closures, generics.
fn source() -> String {
    let mut source = String::new();
    for index in 0..ITEM_COUNT {
        let _ = write!(
            source,
            "/// Where acorn {index} is.\n#[derive(Clone, Debug)]\n\
             pub struct Cache{index}<T: Copy, const N: usize> {{ acorns: [T; N], depth: f32 }}\n\
             impl<T: Copy + Into<f64>, const N: usize> Cache{index}<T, N> {{\n\
             pub fn weigh(&self, from: usize) -> Result<f64, String> {{\n\
             let near = self.acorns.iter().skip(from).map(|acorn| (*acorn).into() * 0.5);\n\
             let sum: f64 = near.filter(|weight| *weight > {index}.0 && from != 3).sum();\n\
             match (sum as u64) % 7 {{\n\
             0 | 1 => Ok(sum + f64::from(self.depth)),\n\
             two @ 2..=4 if from < N => Ok(sum / two as f64 - {{ let x = 2; x as f64 }}),\n\
             other => Err(format!(\"{{other}} of {{}} at {{from}}\", N)),\n\
             }}\n}}\n}}\n"
        );
    }
    source
}
