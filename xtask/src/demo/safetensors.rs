//! Safetensors files, as far as the demo asks: a size in 8 bytes, a header in
//! JSON, and the tensors' bytes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// A tensor in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Type of its numbers.
    pub dtype: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The tensors of a file.
pub fn read(path: &Path) -> Result<Vec<Tensor>> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    parse(&bytes).with_context(|| path.display().to_string())
}

fn parse(bytes: &[u8]) -> Result<Vec<Tensor>> {
    let (size, rest) = bytes.split_first_chunk().context("no header")?;
    let size = usize::try_from(u64::from_le_bytes(*size))?;
    let (header, data) = rest.split_at_checked(size).context("a header that is cut")?;
    let header: Map<String, Value> = serde_json::from_slice(header)?;
    let mut tensors = Vec::new();
    for (name, tensor) in header {
        if name == "__metadata__" {
            continue;
        }
        let place = |end: usize| tensor["data_offsets"][end].as_u64();
        let (start, end) = place(0).zip(place(1)).context("a tensor without its place")?;
        let bytes = data.get(start as usize..end as usize).context("a tensor that is cut")?;
        let dtype = tensor["dtype"].as_str().context("a tensor without a type")?.to_owned();
        tensors.push(Tensor { name, dtype, bytes: bytes.to_vec() });
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_are_cut_out_by_the_header() {
        let header = r#"{"__metadata__":{"a":"b"},
            "x":{"dtype":"F16","shape":[2],"data_offsets":[1,5]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend([9, 1, 2, 3, 4]);
        let tensor = Tensor { name: "x".into(), dtype: "F16".into(), bytes: vec![1, 2, 3, 4] };
        assert_eq!(parse(&bytes).unwrap(), [tensor]);
        assert!(parse(&bytes[..bytes.len() - 1]).is_err());
        assert!(parse(&bytes[..20]).is_err());
    }
}
