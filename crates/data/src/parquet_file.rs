//! How every table of the house is written to and read from a Parquet file.

use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, FixedSizeListArray, Float32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter, ProjectionMask};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use super::parquet_footer::impossible_claim;
use super::parquet_types::schema_to_read;
use super::text_file;
use pipeline_error::Error;
use pipeline_error::guarded::guarded;

pub use parquet::basic::Compression;

const ROWS_IN_BATCH: usize = 1 << 16;

/// Writes columns without nulls.
pub fn write(
    path: &Path,
    columns: Vec<(&str, ArrayRef)>,
    compression: Compression,
) -> Result<(), Error> {
    write_columns(path, columns, &[], compression, None)
}

/// Writes columns without nulls, and beside them a text under a name.
pub fn write_with_text(
    path: &Path,
    columns: Vec<(&str, ArrayRef)>,
    compression: Compression,
    (name, text): (&str, String),
) -> Result<(), Error> {
    let text = KeyValue::new(name.to_string(), text);
    write_columns(path, columns, &[], compression, Some(vec![text]))
}

/// Writes columns that may hold nulls; the schema says so whether there are any or not.
pub fn write_nullable(
    path: &Path,
    columns: Vec<(&str, ArrayRef)>,
    compression: Compression,
) -> Result<(), Error> {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    write_with_nulls(path, columns, &names, compression)
}

/// Writes columns of which only those called so may hold nulls.
pub fn write_with_nulls(
    path: &Path,
    columns: Vec<(&str, ArrayRef)>,
    nullable: &[&str],
    compression: Compression,
) -> Result<(), Error> {
    write_columns(path, columns, nullable, compression, None)
}

/// The file's metadata hold no time, path or machine.
fn write_columns(
    path: &Path,
    columns: Vec<(&str, ArrayRef)>,
    nullable: &[&str],
    compression: Compression,
    texts: Option<Vec<KeyValue>>,
) -> Result<(), Error> {
    let failed = |e: &dyn Display| Error::file(path, format!("cannot be written: {e}"));
    let columns = columns
        .into_iter()
        .map(|(name, column)| (name, column, nullable.contains(&name)));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).map_err(|e| failed(&e))?;
    let file = File::create(path).map_err(|e| failed(&e))?;
    let write = || -> parquet::errors::Result<()> {
        let mut table = AppendedTable::create(file, batch.schema(), compression, texts)?;
        table.append(&batch)?;
        table.finish()
    };
    write().map_err(|e| failed(&e))
}

/// A table that is written batch by batch.
pub struct AppendedTable<W: Write + Send>(ArrowWriter<W>);

impl<W: Write + Send> AppendedTable<W> {
    /// An empty table of these columns; beside them stand `texts`, by name.
    pub fn create(
        to: W,
        schema: SchemaRef,
        compression: Compression,
        texts: Option<Vec<KeyValue>>,
    ) -> parquet::errors::Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_key_value_metadata(texts)
            .build();
        ArrowWriter::try_new(to, schema, Some(properties)).map(Self)
    }

    /// Writes the next rows.
    pub fn append(&mut self, rows: &RecordBatch) -> parquet::errors::Result<()> {
        self.0.write(rows)
    }

    /// Writes what a Parquet file ends with.
    pub fn finish(self) -> parquet::errors::Result<()> {
        self.0.close().map(|_| ())
    }
}

/// A table without nulls that is written a row group at a time, so that it need not fit into
/// memory, and whose row groups may be encoded by several threads.
pub struct StreamedTable {
    path: PathBuf,
    schema: SchemaRef,
    writer: SerializedFileWriter<File>,
    columns: ArrowRowGroupWriterFactory,
}

/// A row group, ready to be written.
pub struct EncodedRows(Vec<ArrowColumnChunk>);

impl StreamedTable {
    /// An empty table of the types of these columns.
    pub fn create(
        path: &Path,
        columns: Vec<(&str, ArrayRef)>,
        compression: Compression,
    ) -> Result<Self, Error> {
        let failed = |e: &dyn Display| Error::file(path, format!("cannot be written: {e}"));
        let fields: Vec<Field> = (columns.iter())
            .map(|(name, column)| Field::new(*name, column.data_type().clone(), false))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let mut properties = WriterProperties::builder()
            .set_compression(compression)
            .build();
        parquet::arrow::add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
        let converted = ArrowSchemaConverter::new()
            .convert(&schema)
            .map_err(|e| failed(&e))?;
        let file = File::create(path).map_err(|e| failed(&e))?;
        let root = converted.root_schema_ptr();
        let writer =
            SerializedFileWriter::new(file, root, Arc::new(properties)).map_err(|e| failed(&e))?;
        Ok(Self {
            path: path.to_path_buf(),
            columns: ArrowRowGroupWriterFactory::new(&writer, schema.clone()),
            schema,
            writer,
        })
    }

    /// Encodes columns as a row group; any thread may do so.
    pub fn encode(&self, columns: Vec<(&str, ArrayRef)>) -> Result<EncodedRows, Error> {
        let encode = || -> parquet::errors::Result<EncodedRows> {
            // The number of the row group matters to encrypted files alone.
            let writers = self.columns.create_column_writers(0)?;
            let mut chunks = Vec::with_capacity(writers.len());
            let fields = self.schema.fields().iter();
            for ((mut writer, field), (_, column)) in writers.into_iter().zip(fields).zip(&columns)
            {
                for leaf in compute_leaves(field, column)? {
                    writer.write(&leaf)?;
                }
                chunks.push(writer.close()?);
            }
            Ok(EncodedRows(chunks))
        };
        encode().map_err(|e| Error::file(&self.path, format!("cannot be encoded: {e}")))
    }

    /// Writes the next row group.
    pub fn append(&mut self, rows: EncodedRows) -> Result<(), Error> {
        let write = || -> parquet::errors::Result<()> {
            let mut group = self.writer.next_row_group()?;
            for chunk in rows.0 {
                chunk.append_to_row_group(&mut group)?;
            }
            group.close().map(|_| ())
        };
        write().map_err(|e| Error::file(&self.path, format!("cannot be written: {e}")))
    }

    /// Writes what a Parquet file ends with.
    pub fn finish(self) -> Result<(), Error> {
        let written = self.writer.close();
        written
            .map(|_| ())
            .map_err(|e| Error::file(&self.path, format!("cannot be written: {e}")))
    }
}

/// A column of vectors, `numbers` row-major [rows, width].
pub fn vectors(path: &Path, width: usize, numbers: Vec<f32>) -> Result<ArrayRef, Error> {
    let failed = |e: &dyn Display| Error::file(path, format!("cannot be written: {e}"));
    let width = i32::try_from(width).map_err(|e| failed(&e))?;
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let numbers = Arc::new(Float32Array::from(numbers));
    let vectors = FixedSizeListArray::try_new(item, width, numbers, None);
    Ok(Arc::new(vectors.map_err(|e| failed(&e))?))
}

/// Opens a file to read from.
pub fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, Error> {
    let unreadable = |e: &dyn Display| Error::file(path, format!("cannot be read: {e}"));
    let file = pipeline_files::open(path).map_err(|e| unreadable(&e))?;
    if file.metadata().map_err(|e| unreadable(&e))?.len() == 0 {
        return Err(Error::file(path, "is empty: a Parquet file is expected"));
    }
    refuse_impossible(path, &file)?;
    sound(path, || builder_of(file)).map_err(|unreadable| {
        let known = text_file::refuse_foreign(path);
        known.err().unwrap_or(unreadable)
    })
}

fn builder_of(file: File) -> parquet::errors::Result<ParquetRecordBatchReaderBuilder<File>> {
    let mut found = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
    if let Some(schema) = schema_to_read(&found) {
        let options = ArrowReaderOptions::new().with_schema(schema);
        found = ArrowReaderMetadata::try_new(found.metadata().clone(), options)?;
    }
    Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(
        file, found,
    ))
}

/// Refuses a footer that the library would run out of memory over.
fn refuse_impossible(path: &Path, file: &File) -> Result<(), Error> {
    match impossible_claim(file) {
        Some(claim) => Err(Error::file(path, format!("is damaged: {claim}"))),
        None => Ok(()),
    }
}

/// What the library makes of a file. It panics over some that are damaged.
pub(super) fn sound<T, E: Display>(
    path: &Path,
    read: impl FnOnce() -> Result<T, E>,
) -> Result<T, Error> {
    let what = match guarded(read) {
        Ok(Ok(read)) => return Ok(read),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => format!("it is damaged ({panic})"),
    };
    if let Some((_, codec)) = what.split_once("Disabled feature at compile time: ") {
        let what = format!("is Parquet compressed by {codec}, which is not read");
        let hint = "write it with zstd, snappy or gzip: pandas.read_parquet(…).to_parquet(…, compression=\"zstd\")";
        return Err(Error::file(path, what).with_hint(hint));
    }
    Err(Error::file(path, format!("cannot be read: {what}")))
}

/// The rows of a file, a batch at a time. Errors name the file.
pub struct Batches {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
}

impl Batches {
    /// Those that `builder` selects of the file at `path`.
    pub fn of(path: &Path, builder: ParquetRecordBatchReaderBuilder<File>) -> Result<Self, Error> {
        Ok(Self {
            path: path.to_path_buf(),
            reader: sound(path, || builder.build())?,
        })
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        sound(&self.path, || self.reader.next().transpose()).transpose()
    }
}

/// Where the one column of this name is; two of the name are an error.
pub(super) fn position(path: &Path, schema: &Schema, name: &str) -> Result<Option<usize>, Error> {
    let named = schema.fields().iter().enumerate();
    let mut named = named.filter(|(_, field)| field.name() == name);
    match (named.next(), named.next()) {
        (_, Some(_)) => Err(Error::file(path, format!("has two columns `{name}`"))),
        (found, None) => Ok(found.map(|(at, _)| at)),
    }
}

/// Reads the columns of these names; one that is not there, or there twice, is an error.
pub fn read(path: &Path, columns: &[&str]) -> Result<Vec<RecordBatch>, Error> {
    StreamedRows::open(path, columns)?.collect()
}

/// Some columns of a table, a batch of rows at a time: no more of it is in memory.
pub struct StreamedRows {
    batches: Batches,
    texts: Vec<KeyValue>,
    /// Rows in the table, by what the file says of itself.
    pub rows: u64,
}

impl StreamedRows {
    /// The columns of these names; one that is not there, or there twice, is an error.
    pub fn open(path: &Path, columns: &[&str]) -> Result<Self, Error> {
        let builder = open(path)?;
        let mut roots = Vec::new();
        for name in columns {
            let index = position(path, builder.schema(), name)?;
            roots.push(index.ok_or_else(|| Error::file(path, format!("no column `{name}`")))?);
        }
        Self::at(path, builder, roots)
    }

    /// The columns at these positions, in the order of the file.
    pub(super) fn at(
        path: &Path,
        builder: ParquetRecordBatchReaderBuilder<File>,
        roots: Vec<usize>,
    ) -> Result<Self, Error> {
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let file = builder.metadata().file_metadata();
        let (rows, texts) = (file.num_rows(), file.key_value_metadata().cloned());
        let builder = builder.with_projection(mask).with_batch_size(ROWS_IN_BATCH);
        Ok(Self {
            batches: Batches::of(path, builder)?,
            texts: texts.unwrap_or_default(),
            rows: u64::try_from(rows).unwrap_or_default(),
        })
    }

    /// The text that stands beside the columns under this name.
    pub fn text(&self, name: &str) -> Option<&str> {
        let texts = self.texts.iter();
        let found = texts.filter(|text| text.key == name);
        found.filter_map(|text| text.value.as_deref()).next()
    }
}

impl Iterator for StreamedRows {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batches.next()
    }
}

/// The column `name` as an array of type `T`, without nulls.
pub fn column<'a, T: Array + 'static>(
    path: &Path,
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a T, Error> {
    let found = nullable_column::<T>(path, batch, name).ok();
    found
        .filter(|array| array.null_count() == 0)
        .ok_or_else(|| Error::file(path, format!("column `{name}` has nulls or another type")))
}

/// The column `name` as an array of type `T`, with its nulls.
pub fn nullable_column<'a, T: Array + 'static>(
    path: &Path,
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a T, Error> {
    let found: Option<&ArrayRef> = batch.column_by_name(name);
    found
        .and_then(|array| array.as_any().downcast_ref())
        .ok_or_else(|| Error::file(path, format!("column `{name}` has another type")))
}

/// A column of vectors: their width, and their numbers row-major.
pub fn vector_column<'a>(
    path: &Path,
    batch: &'a RecordBatch,
    name: &str,
) -> Result<(usize, &'a [f32]), Error> {
    let rows: &FixedSizeListArray = column(path, batch, name)?;
    let numbers = rows.values().as_any().downcast_ref::<Float32Array>();
    let numbers = numbers
        .filter(|numbers| numbers.null_count() == 0)
        .ok_or_else(|| Error::file(path, format!("the vectors of `{name}` are not f32")))?;
    Ok((rows.value_length() as usize, numbers.values()))
}

#[cfg(test)]
mod tests;
