//! What is offered where.

use super::*;
use crate::schema::{Column, ColumnId, ColumnKind, SchemaChange, TableId, TableOptions};
use crate::types::Type;
use std::collections::BTreeMap;

fn catalog() -> Catalog {
    let column = |id: u32, name: &str, kind| Column {
        id: ColumnId(id),
        name: name.to_owned(),
        ty: Type::Int,
        kind,
        position: 0,
        descending: false,
    };
    let table = |id: u64, name: &str, regular: &str| {
        SchemaChange::PutTable(Box::new(Table {
            id: TableId(id),
            uuid: uuid::Uuid::nil(),
            keyspace: "shop".into(),
            name: name.into(),
            partition_key: vec![column(0, "id", ColumnKind::PartitionKey)],
            clustering: Vec::new(),
            statics: Vec::new(),
            regulars: vec![column(1, regular, ColumnKind::Regular)],
            dropped: BTreeMap::new(),
            next_column_id: 2,
            options: TableOptions::default(),
            version: 1,
            indexes: Vec::new(),
        }))
    };
    let keyspace = |name: &str| SchemaChange::PutKeyspace {
        name: name.to_owned(),
        replication: BTreeMap::new(),
        durable_writes: true,
    };
    Catalog::default().with(&[
        keyspace("shop"),
        keyspace("Big Shop"),
        table(1, "orders", "price"),
        table(2, "Odd", "colour"),
    ])
}

/// What is offered where `|` stands.
fn offered(text: &str) -> Vec<String> {
    let (before, after) = text.split_once('|').unwrap();
    match offer(before, after, &catalog(), Some("shop")) {
        Offer::Words(_, words) => words,
        Offer::File(start) => vec![format!("file from {start}")],
    }
}

#[test]
fn statements_begin() {
    assert_eq!(offered("sel|"), ["select"]);
    assert_eq!(offered("SE|"), ["SELECT", "SERIAL"]);
    assert_eq!(offered("SELECT 1; exp|"), ["expand", "explain"]);
    assert_eq!(offered("-- se|"), [] as [&str; 0]);
}

#[test]
fn batch_queries_have_words_of_their_own() {
    assert_eq!(offered("sq|"), ["sql"]);
    assert_eq!(offered("SQL SEL|"), ["SELECT"]);
    assert_eq!(offered("SQL SELECT * FROM a JOIN o|"), ["orders"]);
    assert_eq!(offered("SELECT * FROM orders JO|"), ["JOIN"]);
    assert_eq!(
        offered("SQL SELECT pr| FROM orders"),
        ["preceding", "price"]
    );
    assert_eq!(offered("EXPLAIN AN|"), ["ANALYZE", "AND"]);
}

#[test]
fn names_of_the_schema() {
    assert_eq!(offered("SELECT * FROM o|"), ["orders"]);
    assert_eq!(offered("SELECT * FROM s|"), ["shop."]);
    assert_eq!(offered("SELECT * FROM shop.|"), ["\"Odd\"", "orders"]);
    assert_eq!(offered("SELECT * FROM \"O|"), ["\"Odd\""]);
    assert_eq!(offered("USE |"), ["\"Big Shop\"", "shop"]);
    assert_eq!(offered("DROP TABLE IF EXISTS ord|"), ["orders"]);
    assert_eq!(offered("DROP KEYSPACE sh|"), ["shop"]);
    assert_eq!(offered("CREATE TABLE o|"), [] as [&str; 0]);
}

#[test]
fn columns_of_the_table_that_is_named() {
    assert_eq!(offered("SELECT pr| FROM orders"), ["price"]);
    assert_eq!(offered("SELECT cou| FROM shop.orders"), ["count("]);
    assert_eq!(offered("SELECT to_j| FROM shop.orders"), ["to_json("]);
    assert_eq!(offered("SELECT colo|"), ["colour"]);
    assert_eq!(
        offered("SELECT * FROM orders WHERE i|"),
        ["id", "in", "inner", "intersect"]
    );
    assert_eq!(offered("UPDATE orders SET p|"), ["price"]);
    assert_eq!(offered("INSERT INTO orders (id, p|"), ["price"]);
    let update = "UPDATE orders SET price = 1 WHERE id = 1 IF";
    assert_eq!(offered(&format!("{update} p|")), ["price"]);
    assert_eq!(offered(&format!("{update} E|")), ["EXISTS"]);
}

#[test]
fn words_that_belong_together() {
    assert_eq!(offered("CREATE T|"), ["TABLE", "TYPE"]);
    assert_eq!(offered("SELECT * FROM orders ORDER |"), ["BY"]);
    assert_eq!(offered("SELECT * FROM orders GROUP |"), ["BY"]);
    assert_eq!(
        offered("INSERT INTO orders JSON '{}' DEFAULT |"),
        ["NULL", "UNSET"]
    );
    assert_eq!(offered("create table t (a bigi|"), ["bigint"]);
    assert_eq!(offered("CREATE TABLE t (a int PRIMARY |"), ["KEY"]);
    assert_eq!(offered("help create ta|"), ["table"]);
    assert_eq!(offered("PAGING O|"), ["OFF", "ON"]);
    assert_eq!(offered("CONSISTENCY Q|"), ["QUORUM"]);
    assert_eq!(offered("SERIAL CONSISTENCY |"), ["LOCAL_SERIAL", "SERIAL"]);
}

#[test]
fn files_after_the_commands_that_take_them() {
    assert_eq!(offered("SOURCE 'a/b|"), ["file from 8"]);
    assert_eq!(offered("COPY orders FROM 'x|"), ["file from 18"]);
    assert_eq!(offered("SELECT 'x|"), [] as [&str; 0]);
}
