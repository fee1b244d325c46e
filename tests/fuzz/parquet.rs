//! Parquet: files of every type of column, and damage to their footers and pages.

use std::sync::Arc;

use arrow::array::*;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int32Type, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{WriterProperties, WriterVersion};
use pipeline_random::Draws;

use crate::bytes::{self, border, overwrite, pick, place, range};
use crate::csv;
use crate::tables::{self, Tables};

/// What a file begins and ends with.
const MAGIC: &[u8; 4] = b"PAR1";

/// The tables of [`tables::USES`] as columns, and the artifacts of a dataset.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let seed = |(usage, text): (u8, &str)| {
        let file = written(&plain(text), WriterProperties::builder().build());
        let name = format!("table for {}", char::from(usage));
        (name, [&[usage], &file[..]].concat())
    };
    let uses = tables::USES.into_iter().map(seed);
    uses.chain(Tables::new().artifacts()).collect()
}

pub fn mutate(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    let usage = input.first().copied().unwrap_or_default();
    if draws.below(4) == 0
        && let Some((_, text)) = tables::USES.iter().find(|(byte, _)| *byte == usage)
    {
        return [&[usage], &of_odd_types(text, draws)[..]].concat();
    }
    csv::keeping_use(input, other, draws, file)
}

/// A file with one change; what says how long its footer is fits, mostly.
fn file(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    let (Some((pages, footer)), Some((_, their_footer))) = (split(input), split(other)) else {
        return bytes::mutate(input, other, draws);
    };
    match draws.below(10) {
        0 => bytes::mutate(input, other, draws),
        1 => {
            let mut file = input.to_vec();
            let at = file.len() - 8;
            overwrite(&mut file, at, 4, draws);
            file
        }
        2 => joined(pages, their_footer),
        3 => joined(&bytes::mutate(pages, other, draws), footer),
        4 | 5 => {
            // In place: the footer still says where pages are.
            let mut pages = pages.to_vec();
            let at = place(draws, pages.len());
            match draws.below(3) {
                0 => overwrite(&mut pages, at, pick(draws, &[1, 2, 4, 8]), draws),
                1 => pages[at] ^= 1 << draws.below(8),
                _ => {
                    let block = pages[range(draws, input.len().min(pages.len()))].to_vec();
                    let end = (at + block.len()).min(pages.len());
                    pages[at..end].copy_from_slice(&block[..end - at]);
                }
            }
            joined(&pages, footer)
        }
        6 | 7 => {
            // Numbers of the footer are of variable length, in zigzag.
            let mut footer = footer.to_vec();
            let at = place(draws, footer.len());
            let number = varint(border(draws, input.len()));
            let end = (at + 1 + place(draws, 3)).min(footer.len());
            footer.splice(at..end, number);
            joined(pages, &footer)
        }
        _ => joined(pages, &bytes::mutate(footer, their_footer, draws)),
    }
}

/// Pages and footer of a file.
fn split(file: &[u8]) -> Option<(&[u8], &[u8])> {
    let (rest, end) = file.split_last_chunk::<8>()?;
    let length = u32::from_le_bytes(*end.first_chunk()?) as usize;
    let (pages, footer) = rest.split_at_checked(rest.len().checked_sub(length)?)?;
    (end.ends_with(MAGIC) && !pages.is_empty() && !footer.is_empty()).then_some((pages, footer))
}

fn joined(pages: &[u8], footer: &[u8]) -> Vec<u8> {
    let length = (footer.len() as u32).to_le_bytes();
    [pages, footer, &length, MAGIC].concat()
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// The columns of a text; those of numbers as numbers.
fn plain(text: &str) -> Vec<(String, ArrayRef)> {
    let mut lines = text.lines().map(|line| line.split(','));
    let header = lines.next().into_iter().flatten();
    let rows: Vec<Vec<&str>> = lines.map(Iterator::collect).collect();
    let column = |(at, name): (usize, &str)| {
        let cells = rows.iter().map(|row| row[at]);
        let numbers: Option<Vec<Option<f64>>> = cells
            .clone()
            .map(|cell| match cell {
                "" => Some(None),
                cell => cell.parse().ok().map(Some),
            })
            .collect();
        let column: ArrayRef = match numbers {
            Some(numbers) => Arc::new(Float64Array::from(numbers)),
            None => Arc::new(StringArray::from_iter_values(cells)),
        };
        (name.to_string(), column)
    };
    header.enumerate().map(column).collect()
}

/// The same columns, some of them of other types, written in another way.
fn of_odd_types(text: &str, draws: &mut Draws) -> Vec<u8> {
    let mut columns = plain(text);
    for _ in 0..=draws.below(3) {
        let at = place(draws, columns.len());
        let length = columns[at].1.len();
        columns[at].1 = match draws.below(2) {
            0 => odd(length, draws),
            _ => recast(&columns[at].1, draws),
        };
    }
    match draws.below(8) {
        0 => drop(columns.remove(place(draws, columns.len()))),
        1 => columns.push(columns[place(draws, columns.len())].clone()),
        2 => {
            let name = pick(
                draws,
                &[
                    "__index_level_0__",
                    "",
                    "Key",
                    "embedding",
                    "\u{feff}stay_id",
                ],
            );
            let at = place(draws, columns.len());
            columns[at].0 = name.into();
        }
        _ => {}
    }
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::ZSTD(Default::default()),
    ];
    let properties = WriterProperties::builder()
        .set_compression(pick(draws, &codecs))
        .set_dictionary_enabled(draws.below(2) == 0)
        .set_writer_version(pick(
            draws,
            &[WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0],
        ))
        .set_max_row_group_row_count(Some(1 + place(draws, 4)))
        .set_data_page_row_count_limit(1 + place(draws, 3));
    let properties = match draws.below(4) {
        0 => properties.set_encoding(Encoding::PLAIN),
        _ => properties,
    };
    written(&columns, properties.build())
}

/// The same cells in another type, if they can be.
fn recast(column: &ArrayRef, draws: &mut Draws) -> ArrayRef {
    let dictionary = |values| DataType::Dictionary(Box::new(DataType::Int32), Box::new(values));
    let types = [
        DataType::Int8,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt64,
        DataType::Float16,
        DataType::Float32,
        DataType::Float64,
        DataType::Decimal128(20, 2),
        DataType::Decimal256(50, 0),
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Binary,
        DataType::Timestamp(TimeUnit::Nanosecond, None),
        DataType::Timestamp(TimeUnit::Second, Some("+02:00".into())),
        DataType::Duration(TimeUnit::Millisecond),
        DataType::Date32,
        DataType::Boolean,
        dictionary(DataType::Utf8),
        dictionary(DataType::Int64),
    ];
    let to = &types[place(draws, types.len())];
    cast(column, to).unwrap_or_else(|_| column.clone())
}

/// Cells at borders.
fn odd(length: usize, draws: &mut Draws) -> ArrayRef {
    let cells = |draws: &mut Draws| {
        (0..length)
            .map(|_| border(draws, length))
            .collect::<Vec<u64>>()
    };
    let numbers = cells(draws);
    let signed = numbers
        .iter()
        .map(|number| *number as i64)
        .collect::<Vec<_>>();
    let floats = numbers
        .iter()
        .map(|number| f64::from_bits(*number))
        .collect::<Vec<_>>();
    match draws.below(12) {
        0 => Arc::new(UInt64Array::from(numbers)),
        1 => Arc::new(Int64Array::from(signed)),
        2 => Arc::new(Float64Array::from(floats)),
        3 => Arc::new(TimestampMicrosecondArray::from(signed)),
        4 => Arc::new(TimestampSecondArray::from(signed).with_timezone("+01:00")),
        5 => Arc::new(TimestampNanosecondArray::from(signed)),
        6 => Arc::new(DurationSecondArray::from(signed)),
        7 => Arc::new(Date64Array::from(signed)),
        8 => Arc::new(NullArray::new(length)),
        9 => Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
            numbers
                .iter()
                .map(|number| Some(vec![Some(*number as i32); (*number % 3) as usize])),
        )),
        10 => Arc::new(BooleanArray::from_iter(
            numbers.iter().map(|number| Some(number % 2 == 0)),
        )),
        _ => Arc::new(StringArray::from_iter_values(
            numbers.iter().map(u64::to_string),
        )),
    }
}

fn written(columns: &[(String, ArrayRef)], properties: WriterProperties) -> Vec<u8> {
    let fields: Vec<Field> = (columns.iter())
        .map(|(name, column)| Field::new(name, column.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.iter().map(|(_, column)| column.clone()).collect();
    let mut bytes = Vec::new();
    // Some types cannot be written: the file is short then.
    if let Ok(batch) = RecordBatch::try_new(schema.clone(), arrays)
        && let Ok(mut writer) = ArrowWriter::try_new(&mut bytes, schema, Some(properties))
        && writer.write(&batch).is_ok()
    {
        let _ = writer.close();
    }
    bytes
}
