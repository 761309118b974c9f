//! `token(partition key)`, as CQL has it.
//!
//! The columns' notes say which CQL types they have, and so which bytes are hashed.

use super::errors::outward;
use super::types;
use super::wire::WireEncoder;
use crate::types::{key, token};
use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Token {
    signature: Signature,
}

impl Token {
    pub fn new() -> Self {
        Self {
            signature: Signature::variadic_any(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Token {
    fn name(&self) -> &str {
        "token"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let mut columns: Vec<(ArrayRef, WireEncoder)> = Vec::new();
        for (value, field) in args.args.into_iter().zip(&args.arg_fields) {
            let array = value.into_array(rows)?;
            let ty = types::cql_of(field);
            let encoder = WireEncoder::new(array.data_type(), &ty).map_err(outward)?;
            columns.push((array, encoder));
        }
        let mut found = Vec::with_capacity(rows);
        for row in 0..rows {
            let parts = columns
                .iter()
                .map(|(array, encoder)| encoder.encode(array, row));
            let parts: crate::error::Result<Option<Vec<_>>> = parts.collect();
            let parts = parts.map_err(outward)?;
            found.push(parts.map(|parts| {
                let parts: Vec<&[u8]> = parts.iter().map(AsRef::as_ref).collect();
                token::token_of(&key::compose_partition_key(&parts))
            }));
        }
        Ok(ColumnarValue::Array(Arc::new(Int64Array::from(found))))
    }
}
