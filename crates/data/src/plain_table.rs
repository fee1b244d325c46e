//! Parquet files that older readers take, too: they name no order of floats but that of the type.

use std::io::{Error, ErrorKind, Result, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::errors::Result as ParquetResult;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

/// The footer's list of column orders as a file ends with it: a field (a list), and its header, in Thrift's compact
/// protocol. Behind them stand three bytes a column and the end of the footer.
const LIST_FIELD: u8 = 0x19;
/// `{ TYPE_ORDER: {} }`: a value is ordered as its type is.
const BY_TYPE: [u8; 3] = [0x1c, 0, 0];
/// `{ IEEE_754_TOTAL_ORDER: {} }`, which the writer names for floats. Polars up to 1.35, which MEDS-DEV reads with, knows
/// no such order and calls the file damaged.
const TOTAL: [u8; 3] = [0x2c, 0, 0];
/// The length of the footer, and the magic number.
const TRAILER: usize = 8;

/// A table of fewer than 15 columns that is written batch by batch, without statistics.
pub struct PlainTable<W: Write + Send>(ArrowWriter<TypeDefinedOrder<W>>);

impl<W: Write + Send> PlainTable<W> {
    /// An empty table of these columns.
    pub fn create(to: W, schema: SchemaRef) -> ParquetResult<Self> {
        let properties = WriterProperties::builder()
            .set_statistics_enabled(EnabledStatistics::None)
            .build();
        let to = TypeDefinedOrder::new(to, schema.fields().len());
        ArrowWriter::try_new(to, schema, Some(properties)).map(Self)
    }

    /// Writes the next rows.
    pub fn append(&mut self, rows: &RecordBatch) -> ParquetResult<()> {
        self.0.write(rows)
    }

    /// Writes what a Parquet file ends with.
    pub fn finish(self) -> ParquetResult<()> {
        self.0.into_inner()?.finish()?;
        Ok(())
    }
}

/// Takes a Parquet file and hands it on with floats ordered as their type is. The file has no statistics, so that
/// there is nothing that an order says anything of.
struct TypeDefinedOrder<W> {
    to: W,
    columns: usize,
    /// The last bytes, which may be the end of the footer.
    held: Vec<u8>,
}

impl<W: Write> TypeDefinedOrder<W> {
    fn new(to: W, columns: usize) -> Self {
        let held = Vec::new();
        Self { to, columns, held }
    }

    /// Writes the end. Fails if it is not that of a file of as many columns.
    fn finish(mut self) -> Result<()> {
        let unknown = || Error::new(ErrorKind::InvalidData, "the footer lists no column orders");
        let end = self.held.len().checked_sub(TRAILER).ok_or_else(unknown)?;
        let (held, _) = self.held.split_at_mut(end);
        let (head, orders) = held.split_at_mut(2);
        let list = [LIST_FIELD, (self.columns as u8) << 4 | 0x0c];
        let (orders, stop) = orders.split_at_mut(orders.len().saturating_sub(1));
        if head != list || stop != [0] || orders.len() != 3 * self.columns {
            return Err(unknown());
        }
        for order in orders.chunks_exact_mut(3) {
            match [order[0], order[1], order[2]] {
                BY_TYPE => {}
                TOTAL => order.copy_from_slice(&BY_TYPE),
                _ => return Err(unknown()),
            }
        }
        self.to.write_all(&self.held)?;
        self.to.flush()
    }

    /// How many bytes the end has that this looks at.
    fn looked_at(&self) -> usize {
        2 + 3 * self.columns + 1 + TRAILER
    }
}

impl<W: Write> Write for TypeDefinedOrder<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.held.extend_from_slice(bytes);
        let ready = self.held.len().saturating_sub(self.looked_at());
        self.to.write_all(&self.held[..ready])?;
        self.held.drain(..ready);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::basic::ColumnOrder;

    use super::*;

    fn rows() -> RecordBatch {
        let columns: [(&str, ArrayRef); 4] = [
            ("id", Arc::new(Int64Array::from(vec![3, 1]))),
            ("single", Arc::new(Float32Array::from(vec![0.5, f32::NAN]))),
            ("flag", Arc::new(BooleanArray::from(vec![true, false]))),
            ("double", Arc::new(Float64Array::from(vec![-0.0, 1e300]))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    /// Takes a byte at a time, as slow files do.
    struct Slow(std::fs::File);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            self.0.write(&bytes[..bytes.len().min(1)])
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn floats_have_the_order_of_their_type_and_the_rows_are_the_same() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let slow = Slow(file.reopen().unwrap());
        let mut table = PlainTable::create(slow, rows().schema()).unwrap();
        table.append(&rows()).unwrap();
        table.append(&rows()).unwrap();
        table.finish().unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file.reopen().unwrap()).unwrap();
        let file = reader.metadata().file_metadata();
        let orders = file.column_orders().unwrap();
        assert_eq!(orders.len(), 4);
        for order in orders {
            assert!(
                matches!(order, ColumnOrder::TYPE_DEFINED_ORDER(_)),
                "{order:?}"
            );
        }
        let found: Vec<_> = reader
            .build()
            .unwrap()
            .map(|batch| batch.unwrap())
            .collect();
        assert_eq!(found[0].slice(0, 2), rows());
        assert_eq!(found[0].slice(2, 2), rows());
    }

    #[test]
    fn a_file_that_ends_otherwise_is_refused() {
        let mut file = TypeDefinedOrder::new(Vec::new(), 2);
        file.write_all(&[7; 30]).unwrap();
        assert!(file.finish().is_err());
        assert!(TypeDefinedOrder::new(Vec::new(), 2).finish().is_err());
    }
}
