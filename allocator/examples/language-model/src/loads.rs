//! What each way of loading a checkpoint costs: peak ÷ file size, from the
//! program's own ledger.

use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};
use scrubjay::{Report, Tag};

use crate::checkpoint::{self, Tensors};
use crate::error::Result;
use crate::tags;

/// The checkpoints of a model.
pub struct Files {
    /// All tensors in 32 bits.
    pub f32: PathBuf,
    /// All tensors in 16 bits.
    pub f16: PathBuf,
    /// What is not part of a layer, in 32 bits.
    pub selection: PathBuf,
}

impl Files {
    /// Writes the three checkpoints to a directory.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(directory: &Path, tensors: &Tensors) -> Result<Self> {
        let files = Self {
            f32: directory.join("model-f32.safetensors"),
            f16: directory.join("model-f16.safetensors"),
            selection: directory.join("selection.safetensors"),
        };
        checkpoint::write(tensors, DType::F32, &files.f32)?;
        checkpoint::write(tensors, DType::F16, &files.f16)?;
        let selection = tensors
            .iter()
            .filter(|(name, _)| !name.starts_with("layer."))
            .map(|(name, tensor)| (name.clone(), tensor.clone()))
            .collect();
        checkpoint::write(&selection, DType::F32, &files.selection)?;
        Ok(files)
    }
}

/// Loads each checkpoint in each way and prints what it cost.
///
/// # Errors
/// A load that failed or found other bytes than another way.
pub fn compare(files: &Files) -> Result<()> {
    println!("  {:22} {:>10} {:>8} {:>8} {:>8}", "file", "bytes", "whole", "mapped", "each");
    for (path, loads) in [&files.f32, &files.f16, &files.selection].into_iter().zip(&tags::LOADS) {
        let sizes = [
            under(&loads[0], || Ok(checkpoint::load_whole(path)?.values().map(size).sum()))?,
            under(&loads[1], || Ok(checkpoint::load_mapped(path)?.values().map(size).sum()))?,
            under(&loads[2], || {
                let mut sum = 0;
                checkpoint::load_each(path, |_, tensor| {
                    sum += size(tensor);
                    Ok(())
                })?;
                Ok(sum)
            })?,
        ];
        if sizes.iter().any(|&size| size != sizes[0]) {
            return Err(format!("{}: tensors of {sizes:?} bytes", path.display()).into());
        }
        let file_size = path.metadata()?.len();
        print!("  {:22} {file_size:>10}", path.file_name().unwrap_or_default().display());
        for load in loads {
            print!(" {:>7.2}×", peak(load) as f64 / file_size as f64);
        }
        println!();
    }
    Ok(())
}

fn under(tag: &'static Tag, load: impl FnOnce() -> Result<usize>) -> Result<usize> {
    let _scope = tag.enter();
    load()
}

fn size(tensor: &Tensor) -> usize {
    tensor.elem_count() * tensor.dtype().size_in_bytes()
}

fn peak(tag: &Tag) -> u64 {
    Report::now().tag(tag.name()).map_or(0, |stats| stats.peak_bytes)
}
