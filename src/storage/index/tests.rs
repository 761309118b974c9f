//! The entries of rows, and places.

use super::*;
use crate::storage::read::PartitionBound;
use crate::storage::row::RowColumn;

#[test]
fn places_are_read_back_and_lie_in_the_order_of_the_rows() {
    let partition = |token, key: &'static [u8]| PartitionKey {
        token,
        key: Bytes::from_static(key),
    };
    let clusterings = [None, Some(&b"\x40\x01\x38"[..]), Some(b"\x40\x02\x38")];
    let mut places = Vec::new();
    for partition in [
        partition(i64::MIN, b""),
        partition(-1, b"a"),
        partition(-1, b"a\0"),
        partition(7, b"b"),
    ] {
        for clustering in clusterings {
            places.push(Place {
                partition: partition.clone(),
                clustering: clustering.map(Bytes::copy_from_slice),
            });
        }
    }
    let encoded: Vec<Bytes> = places
        .iter()
        .map(|place| place.entry_clustering(IndexPart::Values, b"path"))
        .collect();
    assert!(encoded.is_sorted());
    for (place, clustering) in places.iter().zip(&encoded) {
        assert_eq!(
            Place::decode(&Row::new(clustering.clone())).unwrap(),
            *place
        );
        let slice = entries_of_partition(&place.partition);
        assert!(slice.start < *clustering && *clustering < slice.end);
        assert!(entries_from(place, false) < *clustering);
        assert!(*clustering < entries_from(place, true));
        let (from, to) = (
            PartitionBound::BeforeToken(place.partition.token),
            PartitionBound::After(place.partition.clone()),
        );
        let slice = entries_between(&from, &to);
        assert!(slice.start < *clustering && *clustering < slice.end);
    }
}

#[test]
fn a_row_lives_as_long_as_its_longest_part() {
    let mut row = Row::new(Bytes::from_static(b"\x38"));
    assert_eq!(life_of_row(&row), None);
    row.liveness = Liveness {
        timestamp: 1,
        ttl_seconds: 10,
        expiry_seconds: 110,
    };
    assert_eq!(life_of_row(&row), Some((110, 10)));
    let cell = |cell| RowColumn {
        id: ColumnId(3),
        data: ColumnData::Simple(cell),
    };
    row.columns = vec![cell(Cell::expiring(1, 20, 100, Bytes::new()))];
    assert_eq!(life_of_row(&row), Some((120, 20)));
    row.columns = vec![cell(Cell::plain(1, Bytes::new()))];
    assert_eq!(life_of_row(&row), Some((NEVER, NO_TTL)));
}
