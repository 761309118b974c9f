//! DESCRIBE in pages: the rows are computed anew for each page, and the paging state says how many
//! were handed out and of which schema. If that has changed, what follows would not fit what was
//! handed out, and the client is told to begin again.
//!
//! ```text
//! version(1) statement(8) schema(8) returned(4) crc32c(4)
//! ```

use crate::cql::result::{RowSource, RowValues, Rows};
use crate::error::{Error, ErrorKind, Result};
use bytes::{Buf, BufMut, Bytes, BytesMut};

const VERSION: u8 = 1;
const STATE_BYTES: usize = 1 + 8 + 8 + 4 + 4;

/// Rows of which some were handed out before.
struct Described {
    rows: std::vec::IntoIter<RowValues>,
    statement: u64,
    schema: u64,
    returned: u32,
}

/// `rows` in pages of `size`, behind `state`. `statement` tells the statement from others, and
/// `schema` is the version of what it describes.
pub fn paged(
    rows: Rows,
    size: usize,
    state: Option<&Bytes>,
    statement: u64,
    schema: u64,
) -> Result<Rows> {
    let returned = match state {
        Some(state) => decode(state, statement, schema)?,
        None => 0,
    };
    let columns = rows.shared_columns();
    let mut left: Vec<RowValues> = rows.collect()?.into_iter().map(|row| row.values).collect();
    let handed_out = usize::try_from(returned).unwrap_or(usize::MAX);
    left.drain(..handed_out.min(left.len()));
    let source = Described {
        rows: left.into_iter(),
        statement,
        schema,
        returned,
    };
    Ok(Rows::new(columns, Box::new(source)).paged(Some(size)))
}

impl RowSource for Described {
    fn next(&mut self) -> Result<Option<RowValues>> {
        let row = self.rows.next();
        self.returned += u32::from(row.is_some());
        Ok(row)
    }

    fn paging_state(&mut self) -> Result<Option<Bytes>> {
        if self.rows.as_slice().is_empty() {
            return Ok(None);
        }
        let mut out = BytesMut::with_capacity(STATE_BYTES);
        out.put_u8(VERSION);
        out.put_u64(self.statement);
        out.put_u64(self.schema);
        out.put_u32(self.returned);
        let checksum = crc32c::crc32c(&out);
        out.put_u32(checksum);
        Ok(Some(out.freeze()))
    }
}

/// How many rows were handed out.
fn decode(state: &Bytes, statement: u64, schema: u64) -> Result<u32> {
    let invalid = || Error::new(ErrorKind::Protocol, "Invalid value for the paging state");
    if state.len() != STATE_BYTES {
        return Err(invalid());
    }
    let mut rest = state.clone();
    let checksum = rest.split_off(STATE_BYTES - 4).get_u32();
    if crc32c::crc32c(&rest) != checksum || rest.get_u8() != VERSION || rest.get_u64() != statement
    {
        return Err(invalid());
    }
    if rest.get_u64() != schema {
        return Err(Error::invalid(
            "The schema has changed since the previous page of the DESCRIBE statement result. \
             Please retry the DESCRIBE statement.",
        ));
    }
    Ok(rest.get_u32())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn page(state: Option<&Bytes>, schema: u64) -> Result<(Vec<u8>, Option<Bytes>)> {
        let rows = (0..5_u8).map(|n| vec![Some(Bytes::copy_from_slice(&[n]))]);
        let rows = Rows::from_vec(Arc::from([]), rows.collect());
        let mut rows = paged(rows, 2, state, 7, schema)?;
        let mut out = BytesMut::new();
        let page = rows.encode_page(&mut out)?;
        Ok((
            out.chunks(5).map(|cell| cell[4]).collect(),
            page.paging_state,
        ))
    }

    #[test]
    fn pages_follow_each_other() {
        let (first, state) = page(None, 1).unwrap();
        let (second, next) = page(state.as_ref(), 1).unwrap();
        let (third, end) = page(next.as_ref(), 1).unwrap();
        assert_eq!((first, second, third), (vec![0, 1], vec![2, 3], vec![4]));
        assert_eq!(end, None);
        // Another schema, a damaged state.
        let changed = page(state.as_ref(), 2).unwrap_err();
        assert!(changed.message.starts_with("The schema has changed since"));
        for at in 0..STATE_BYTES {
            let mut damaged = state.as_ref().unwrap().to_vec();
            damaged[at] ^= 1;
            let error = page(Some(&Bytes::from(damaged)), 1).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Protocol);
        }
        assert!(page(Some(&Bytes::from_static(b"x")), 1).is_err());
    }
}
