//! Reads a Parquet file of rows, or one of its row groups.

use std::path::Path;

use parquet::arrow::ProjectionMask;

use super::{Cells, Places, RowTaker, Rows};
use crate::id_names::pandas_index;
use crate::parquet_file::{self, Batches};
use pipeline_error::Error;

/// Rows decoded at a time.
const ROWS_IN_BATCH: usize = 1 << 14;

/// Reads all of `file`, or the row group of a number, before which there are so many rows.
pub(super) fn read(
    file: &Path,
    row_group: Option<(usize, usize)>,
    taker: &mut dyn RowTaker,
) -> Result<(), Error> {
    let builder = parquet_file::open(file)?;
    let fields = builder.schema().fields().iter();
    let header: Vec<String> = fields.map(|field| field.name().clone()).collect();
    let positions = taker.select(file, &header)?;
    taker.check_index(file, &pandas_index(builder.schema()))?;
    let names: Vec<String> = positions.iter().map(|&at| header[at].clone()).collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), positions);
    let mut builder = (builder.with_projection(mask)).with_batch_size(ROWS_IN_BATCH);
    let mut before = 0;
    if let Some((number, rows_before)) = row_group {
        builder = builder.with_row_groups(vec![number]);
        before = rows_before;
    }
    for batch in Batches::of(file, builder)? {
        let batch = batch?;
        let cells = |name: &String| match batch.column_by_name(name) {
            Some(column) => Cells::of(file, before, name, column),
            None => Err(Error::file(file, format!("no column `{name}`"))),
        };
        let rows = Rows {
            file,
            names: &names,
            columns: names.iter().map(cells).collect::<Result<_, _>>()?,
            places: Places::Rows(before),
        };
        taker.take(&rows)?;
        before += batch.num_rows();
    }
    Ok(())
}
