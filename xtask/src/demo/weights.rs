//! The tensors that were loaded, against the live blocks that a log tells of.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};
use scrubjay_tests::attack::Block;

use super::safetensors::{self, Tensor};

/// The tensors that the model in a folder loaded to answer with.
pub fn loaded(folder: &Path) -> Result<Vec<Tensor>> {
    let mut tensors = safetensors::read(&folder.join("model-f32.safetensors"))?;
    tensors.extend(safetensors::read(&folder.join("model-f16.safetensors"))?);
    Ok(tensors)
}

/// Takes a block away for each tensor, of the tensor's very size, and returns
/// the rest; an error names the tensors for which there is none.
pub fn rest(tensors: &[Tensor], blocks: &[Block]) -> Result<Vec<Block>> {
    let mut by_size: BTreeMap<u64, Vec<&Block>> = BTreeMap::new();
    for block in blocks {
        by_size.entry(block.size).or_default().push(block);
    }
    let missing: Vec<String> = tensors
        .iter()
        .filter(|tensor| by_size.get_mut(&(tensor.bytes.len() as u64)).and_then(Vec::pop).is_none())
        .map(|tensor| format!("{} ({} bytes of {})", tensor.name, tensor.bytes.len(), tensor.dtype))
        .collect();
    match missing.split_first() {
        None => Ok(by_size.into_values().flatten().cloned().collect()),
        Some((first, more)) => bail!("no live block for {first} and {} others", more.len()),
    }
}

/// Prints the tensors by size, and every other block.
pub fn show(tensors: &[Tensor], rest: &[Block]) {
    let mut by_size: BTreeMap<usize, Vec<&Tensor>> = BTreeMap::new();
    for tensor in tensors {
        by_size.entry(tensor.bytes.len()).or_default().push(tensor);
    }
    let total: usize = tensors.iter().map(|tensor| tensor.bytes.len()).sum();
    println!("{:>9} {:>5}  tensors, for example", "bytes", "count");
    for (size, tensors) in by_size {
        println!("{size:>9} {:>5}  {} ({})", tensors.len(), tensors[0].name, tensors[0].dtype);
    }
    println!("{total:>9} {:>5}  together, each a live block of this size\n", tensors.len());

    let total: u64 = rest.iter().map(|block| block.size).sum();
    println!("The rest: {total} bytes in {} blocks (size@address):", rest.len());
    for blocks in rest.chunks(6) {
        let line: Vec<String> = blocks
            .iter()
            .map(|block| format!("{:>5}@{:012x}", block.size, block.address))
            .collect();
        println!("  {}", line.join(" "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, size: usize) -> Tensor {
        Tensor { name: name.into(), dtype: "F32".into(), bytes: vec![0; size] }
    }

    fn blocks(sizes: &[u64]) -> Vec<Block> {
        let block = |(index, &size): (usize, &u64)| Block {
            address: 64 * index as u64,
            size,
            tag: "model/weights".into(),
        };
        sizes.iter().enumerate().map(block).collect()
    }

    #[test]
    fn tensors_are_found_as_often_as_there_are() {
        let tensors = [tensor("a", 48), tensor("b", 48), tensor("c", 4096)];
        let rest = rest(&tensors, &blocks(&[24, 48, 4096, 48, 48])).unwrap();
        let sizes: Vec<u64> = rest.iter().map(|block| block.size).collect();
        assert_eq!(sizes, [24, 48]);
    }

    #[test]
    fn a_changed_tensor_is_missed() {
        let blocks = blocks(&[24, 48, 48, 4096]);
        let missed = |tensors: &[Tensor]| rest(tensors, &blocks).unwrap_err().to_string();
        assert_eq!(
            missed(&[tensor("a", 48), tensor("b", 52)]),
            "no live block for b (52 bytes of F32) and 0 others"
        );
        let three = [tensor("a", 48), tensor("b", 48), tensor("c", 48)];
        assert_eq!(missed(&three), "no live block for c (48 bytes of F32) and 0 others");
    }
}
