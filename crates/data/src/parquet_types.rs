//! Types of a Parquet file that are to be read otherwise than the library proposes.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef, TimeUnit};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::Type as PhysicalType;
use parquet::schema::types::TypePtr;

/// The schema to read a file with, where that is not the library's own.
///
/// Times of INT96, as Spark, Hive and Impala write them, are days and nanoseconds: in 64-bit nanoseconds they
/// wrap around outside of the years 1677 to 2262. Booleans that are stored as keys make the library panic.
pub(super) fn schema_to_read(file: &ArrowReaderMetadata) -> Option<SchemaRef> {
    let proposed = file.schema();
    let roots = file.parquet_schema().root_schema().get_fields();
    let fields = (proposed.fields().iter().zip(roots)).map(|(field, root)| {
        let to_read = type_to_read(field.data_type(), root);
        to_read.map_or_else(
            || field.clone(),
            |to_read| FieldRef::new(field.as_ref().clone().with_data_type(to_read)),
        )
    });
    let fields: Vec<FieldRef> = fields.collect();
    let schema = Schema::new_with_metadata(fields, proposed.metadata().clone());
    (schema != **proposed).then(|| Arc::new(schema))
}

fn type_to_read(proposed: &DataType, root: &TypePtr) -> Option<DataType> {
    let is_int96 = || root.is_primitive() && root.get_physical_type() == PhysicalType::INT96;
    match proposed {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) if is_int96() => {
            Some(DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))
        }
        DataType::Dictionary(_, values) if **values == DataType::Boolean => Some(DataType::Boolean),
        _ => None,
    }
}
