//! Tensors in files: written whole or in part, and loaded in three ways that
//! differ in what they cost.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device, Tensor};
use safetensors::tensor::Metadata;

use crate::error::Result;
use crate::tags;

/// Tensors by name.
pub type Tensors = HashMap<String, Tensor>;

/// Writes tensors, turned into `dtype`, to a file.
///
/// # Errors
/// What the file system says.
pub fn write(tensors: &Tensors, dtype: DType, path: &Path) -> Result<()> {
    let _scope = tags::WRITE.enter();
    let converted = tensors
        .iter()
        .map(|(name, tensor)| Ok((name.clone(), tensor.detach().to_dtype(dtype)?)))
        .collect::<Result<Tensors>>()?;
    Ok(candle_core::safetensors::save(&converted, path)?)
}

/// The file's bytes are read into memory, then the tensors are made of them.
///
/// # Errors
/// A file that is missing or no safetensors.
pub fn load_whole(path: &Path) -> Result<Tensors> {
    Ok(candle_core::safetensors::load(path, &Device::Cpu)?)
}

/// The file is mapped; what memory the allocator sees is the tensors'.
///
/// # Errors
/// A file that is missing or no safetensors.
pub fn load_mapped(path: &Path) -> Result<Tensors> {
    #[expect(unsafe_code, reason = "a mapped file is read as a slice")]
    // SAFETY: this program wrote the file and nobody else changes it while it
    // is mapped.
    let file = unsafe { MmapedSafetensors::new(path)? };
    let mut tensors = Tensors::new();
    for (name, _) in file.tensors() {
        let tensor = file.load(&name, &Device::Cpu)?;
        tensors.insert(name, tensor);
    }
    Ok(tensors)
}

/// One tensor at a time is in memory, shown to `see`, and let go. Tensors come
/// in the file's order.
///
/// # Errors
/// A file that is missing or no safetensors.
pub fn load_each(path: &Path, mut see: impl FnMut(&str, &Tensor) -> Result<()>) -> Result<()> {
    let mut file = File::open(path)?;
    let mut size = [0; 8];
    file.read_exact(&mut size)?;
    let mut header = vec![0; usize::try_from(u64::from_le_bytes(size))?];
    file.read_exact(&mut header)?;
    let header: Metadata = serde_json::from_slice(&header)?;
    for name in header.offset_keys() {
        let tensor = header.info(&name).ok_or("a tensor without its place")?;
        let mut bytes = vec![0; tensor.data_offsets.1 - tensor.data_offsets.0];
        file.read_exact(&mut bytes)?;
        let dtype = tensor.dtype.try_into()?;
        see(&name, &Tensor::from_raw_buffer(&bytes, dtype, &tensor.shape, &Device::Cpu)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_ways_load_the_same_tensors() {
        let path = std::env::temp_dir().join(format!("checkpoint-{}", std::process::id()));
        let mut written = Tensors::new();
        for (name, size) in [("a", 3usize), ("b", 1000)] {
            let values: Vec<f32> = (0..size).map(|value| value as f32 / 7.0).collect();
            written.insert(name.into(), Tensor::from_vec(values, size, &Device::Cpu).unwrap());
        }
        let values =
            |tensor: &Tensor| tensor.to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap();
        for dtype in [DType::F32, DType::F16] {
            write(&written, dtype, &path).unwrap();
            let (whole, mapped) = (load_whole(&path).unwrap(), load_mapped(&path).unwrap());
            let mut each_count = 0;
            load_each(&path, |name, tensor| {
                each_count += 1;
                assert_eq!(tensor.dtype(), dtype);
                assert_eq!(values(tensor), values(&whole[name]));
                assert_eq!(values(tensor), values(&mapped[name]));
                Ok(())
            })
            .unwrap();
            assert_eq!((whole.len(), mapped.len(), each_count), (2, 2, 2));
        }
        std::fs::remove_file(&path).unwrap();
    }
}
