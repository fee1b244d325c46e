//! A PyTorch zip as torch.save writes it, of parameters' initial values.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use pipeline_model::parameter::ParameterSpec;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// torch aligns storages so.
const ALIGNMENT: u16 = 64;

pub fn write(path: &Path, parameters: &[ParameterSpec]) -> Result<(), Box<dyn std::error::Error>> {
    let mut archive = ZipWriter::new(BufWriter::with_capacity(1 << 20, File::create(path)?));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .with_alignment(ALIGNMENT);
    archive.start_file("model/data.pkl", options)?;
    archive.write_all(&pickle(parameters))?;
    archive.start_file("model/byteorder", options)?;
    archive.write_all(b"little")?;
    for (key, parameter) in parameters.iter().enumerate() {
        archive.start_file(format!("model/data/{key}"), options)?;
        let values = parameter.initial_values(1);
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        archive.write_all(&bytes)?;
    }
    archive.start_file("model/version", options)?;
    archive.write_all(b"3\n")?;
    archive.finish()?.flush()?;
    Ok(())
}

/// An OrderedDict of tensors, each on a storage of its own.
fn pickle(parameters: &[ParameterSpec]) -> Vec<u8> {
    let mut pickle = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    for (key, parameter) in parameters.iter().enumerate() {
        let count: usize = parameter.shape.iter().product();
        let mut stride = vec![1; parameter.shape.len()];
        for axis in (1..stride.len()).rev() {
            stride[axis - 1] = stride[axis] * parameter.shape[axis];
        }
        pickle.extend(text(&parameter.name));
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        pickle.extend(text("storage"));
        pickle.extend(b"ctorch\nFloatStorage\n");
        pickle.extend(text(&key.to_string()));
        pickle.extend(text("cpu"));
        pickle.extend(number(count));
        pickle.extend(b"tQK\x00");
        pickle.extend(tuple(&parameter.shape));
        pickle.extend(tuple(&stride));
        pickle.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    pickle.extend(b"u.");
    pickle
}

fn text(text: &str) -> Vec<u8> {
    [
        b"X",
        &(text.len() as u32).to_le_bytes()[..],
        text.as_bytes(),
    ]
    .concat()
}

fn number(number: usize) -> Vec<u8> {
    [b"J", &(number as i32).to_le_bytes()[..]].concat()
}

fn tuple(numbers: &[usize]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|n| self::number(*n)).collect();
    [b"(", &numbers[..], b"t"].concat()
}
