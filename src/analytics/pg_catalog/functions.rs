//! The functions that PostgreSQL's tools call about the schema.
//!
//! Each works on one row's values at a time: their tables are small.

use crate::analytics::pg_catalog::relations::{self, Datum};
use crate::analytics::pg_catalog::{Facts, oid};

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What functions look up.
#[derive(Debug)]
struct Names {
    facts: Facts,
    /// Relations by number, with their schema.
    relations: HashMap<i64, (String, String)>,
    schemas: HashMap<i64, String>,
    comments: HashMap<i64, String>,
    indexes: HashMap<i64, String>,
    constraints: HashMap<i64, String>,
}

type Body = fn(&Names, &[ScalarValue]) -> Datum;

#[derive(Debug)]
struct Function {
    name: &'static str,
    returns: DataType,
    body: Body,
    names: Arc<Names>,
    signature: Signature,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays: Vec<ArrayRef> = args
            .args
            .iter()
            .map(|value| value.to_array(args.number_rows))
            .collect::<Result<_>>()?;
        let mut values = Vec::with_capacity(args.number_rows);
        for row in 0..args.number_rows {
            let given: Vec<ScalarValue> = arrays
                .iter()
                .map(|array| ScalarValue::try_from_array(array, row))
                .collect::<Result<_>>()?;
            values.push((self.body)(&self.names, &given));
        }
        let array = relations::array(&self.returns, values)?;
        Ok(ColumnarValue::Array(array))
    }
}

fn int(values: &[ScalarValue], at: usize) -> Option<i64> {
    match values.get(at)?.cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(value)) => value,
        _ => None,
    }
}

fn string(values: &[ScalarValue], at: usize) -> Option<String> {
    match values.get(at)?.cast_to(&DataType::Utf8) {
        Ok(ScalarValue::Utf8(value)) => value,
        _ => None,
    }
}

fn some(text: impl Into<String>) -> Datum {
    Datum::Text(text.into())
}

fn or_null(text: Option<String>) -> Datum {
    text.map_or(Datum::Null, Datum::Text)
}

/// The name that a type has in PostgreSQL's SQL.
fn type_name(number: i64) -> String {
    let Ok(number) = u32::try_from(number) else {
        return "???".to_owned();
    };
    let long = |name: &str| {
        match name {
            "bool" => "boolean",
            "int2" => "smallint",
            "int4" => "integer",
            "int8" => "bigint",
            "float4" => "real",
            "float8" => "double precision",
            "time" => "time without time zone",
            "timestamp" => "timestamp without time zone",
            "timestamptz" => "timestamp with time zone",
            "varchar" => "character varying",
            "bpchar" => "character",
            "char" => "\"char\"",
            name => name,
        }
        .to_owned()
    };
    if let Some((pg, array)) = oid::by_oid(number) {
        let suffix = if array { "[]" } else { "" };
        return format!("{}{suffix}", long(pg.name));
    }
    let other = relations::OTHER_TYPES
        .iter()
        .find(|(oid, ..)| *oid == number);
    match other {
        Some((_, name, ..)) => long(name),
        None if number == 0 => "-".to_owned(),
        None => "???".to_owned(),
    }
}

fn type_oid(name: &str) -> Option<i64> {
    let name = name.rsplit('.').next()?.trim_matches('"');
    let all = oid::ALL.iter().map(|pg| (pg.oid, pg.name));
    let others = relations::OTHER_TYPES
        .iter()
        .map(|(oid, name, ..)| (*oid, *name));
    all.chain(others)
        .find(|(oid, known)| *known == name || type_name(i64::from(*oid)) == name)
        .map(|(oid, _)| i64::from(oid))
}

fn relation_oid(names: &Names, text: &str) -> Option<i64> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let bare = |text: &str| text.trim_matches('"').to_owned();
    let (schema, name) = match text.split_once('.') {
        Some((schema, name)) => (Some(bare(schema)), bare(name)),
        None => (None, bare(text)),
    };
    let keyspace = names.facts.keyspace.as_deref();
    names.relations.iter().find_map(|(oid, (its, known))| {
        let here = match &schema {
            Some(schema) => its == schema,
            None => its == "pg_catalog" || Some(its.as_str()) == keyspace,
        };
        (*known == name && here).then_some(*oid)
    })
}

/// A relation's name, with its schema where it is not found without.
fn relation_name(names: &Names, number: i64) -> String {
    match names.relations.get(&number) {
        Some((schema, name)) if is_visible(names, schema) => quoted(name),
        Some((schema, name)) => format!("{}.{}", quoted(schema), quoted(name)),
        None => number.to_string(),
    }
}

fn is_visible(names: &Names, schema: &str) -> bool {
    // Without a keyspace of unqualified names all tables are listed, not none.
    let keyspace = names.facts.keyspace.as_deref();
    schema == "pg_catalog" || keyspace.is_none_or(|keyspace| keyspace == schema)
}

fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    match plain {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

fn search_path(names: &Names) -> Datum {
    let mut path = vec!["pg_catalog".to_owned()];
    path.extend(names.facts.keyspace.clone());
    Datum::Texts(path)
}

fn texts() -> DataType {
    DataType::new_list(DataType::Utf8, true)
}

fn ints() -> DataType {
    DataType::new_list(DataType::Int64, true)
}

/// Pairs of a value and its place in a list.
fn places() -> DataType {
    let fields: Fields = [("x", DataType::Int64), ("n", DataType::Int64)]
        .into_iter()
        .map(|(name, ty)| Field::new(name, ty, true))
        .collect();
    DataType::new_list(DataType::Struct(fields), true)
}

fn ints_of(values: &[ScalarValue]) -> Vec<i64> {
    let Some(ScalarValue::List(list)) = values.first() else {
        return Vec::new();
    };
    let inner = list.values();
    (0..inner.len())
        .filter_map(|at| int(&[ScalarValue::try_from_array(inner, at).ok()?], 0))
        .collect()
}

/// Functions that answer the same for every row.
const FIXED: [(&str, DataType, Body); 16] = [
    ("pg_is_in_recovery", DataType::Boolean, |_, _| {
        Datum::Bool(false)
    }),
    ("has_table_privilege", DataType::Boolean, |_, _| {
        Datum::Bool(true)
    }),
    ("has_schema_privilege", DataType::Boolean, |_, _| {
        Datum::Bool(true)
    }),
    ("has_database_privilege", DataType::Boolean, |_, _| {
        Datum::Bool(true)
    }),
    ("pg_function_is_visible", DataType::Boolean, |_, _| {
        Datum::Bool(true)
    }),
    ("pg_type_is_visible", DataType::Boolean, |_, _| {
        Datum::Bool(true)
    }),
    ("pg_relation_is_publishable", DataType::Boolean, |_, _| {
        Datum::Bool(false)
    }),
    ("pg_get_expr", DataType::Utf8, |_, _| Datum::Null),
    ("shobj_description", DataType::Utf8, |_, _| Datum::Null),
    ("col_description", DataType::Utf8, |_, _| Datum::Null),
    ("pg_get_viewdef", DataType::Utf8, |_, _| Datum::Null),
    ("pg_get_serial_sequence", DataType::Utf8, |_, _| Datum::Null),
    ("pg_backend_pid", DataType::Int64, |_, _| Datum::Int(0)),
    ("txid_current", DataType::Int64, |_, _| Datum::Int(0)),
    ("pg_get_function_result", DataType::Utf8, |_, _| Datum::Null),
    ("pg_get_function_arguments", DataType::Utf8, |_, _| {
        Datum::Null
    }),
];

/// Functions that look something up.
fn looked_up() -> Vec<(&'static str, DataType, Body)> {
    let mut all: Vec<(&'static str, DataType, Body)> = vec![
        ("version", DataType::Utf8, |_, _| {
            some(format!(
                "PostgreSQL 15.0 (helenus {}: batch SQL over CQL tables)",
                env!("CARGO_PKG_VERSION")
            ))
        }),
        ("current_database", DataType::Utf8, |names, _| {
            some(&names.facts.database)
        }),
        ("current_catalog", DataType::Utf8, |names, _| {
            some(&names.facts.database)
        }),
        ("current_schema", DataType::Utf8, |names, _| {
            or_null(names.facts.keyspace.clone())
        }),
        ("current_user", DataType::Utf8, |names, _| {
            some(&names.facts.user)
        }),
        ("session_user", DataType::Utf8, |names, _| {
            some(&names.facts.user)
        }),
        ("user", DataType::Utf8, |names, _| some(&names.facts.user)),
        ("current_schemas", texts(), |names, _| search_path(names)),
        ("current_setting", DataType::Utf8, |names, values| {
            let wanted = string(values, 0).unwrap_or_default().to_ascii_lowercase();
            let found = names
                .facts
                .settings
                .iter()
                .find(|(name, _)| *name == wanted);
            or_null(found.map(|(_, value)| value.clone()))
        }),
        ("set_config", DataType::Utf8, |_, values| {
            or_null(string(values, 1))
        }),
        ("helenus_no_texts", texts(), |_, _| Datum::Texts(Vec::new())),
    ];
    all.extend(about_relations());
    all.extend(about_sizes());
    all.extend(about_arrays());
    all
}

fn about_arrays() -> Vec<(&'static str, DataType, Body)> {
    vec![
        ("array_upper", DataType::Int64, |_, values| {
            // The first dimension's; there are no others.
            match values.first() {
                Some(ScalarValue::List(list)) if !list.is_empty() => {
                    Datum::Int(i64::from(list.value_length(0)))
                }
                _ => Datum::Null,
            }
        }),
        ("helenus_subscripts_from_0", ints(), |_, values| {
            Datum::Ints((0..).zip(ints_of(values)).map(|it| it.0).collect())
        }),
        ("helenus_subscripts_from_1", ints(), |_, values| {
            Datum::Ints((1..).zip(ints_of(values)).map(|it| it.0).collect())
        }),
        ("quote_ident", DataType::Utf8, |_, values| {
            or_null(string(values, 0).map(|name| quoted(&name)))
        }),
        ("_pg_expandarray", places(), |_, values| {
            Datum::Places(ints_of(values))
        }),
    ]
}

fn about_relations() -> Vec<(&'static str, DataType, Body)> {
    vec![
        ("pg_table_is_visible", DataType::Boolean, |names, values| {
            let found = int(values, 0).and_then(|number| names.relations.get(&number));
            found.map_or(Datum::Null, |(schema, _)| {
                Datum::Bool(is_visible(names, schema))
            })
        }),
        ("pg_get_userbyid", DataType::Utf8, |names, _| {
            some(&names.facts.user)
        }),
        ("pg_encoding_to_char", DataType::Utf8, |_, _| some("UTF8")),
        ("format_type", DataType::Utf8, |_, values| {
            or_null(int(values, 0).map(type_name))
        }),
        ("helenus_regtype_oid", DataType::Int64, |_, values| {
            let found = string(values, 0).and_then(|name| type_oid(&name));
            found.map_or(Datum::Null, Datum::Int)
        }),
        ("helenus_regclass_oid", DataType::Int64, |names, values| {
            let found = string(values, 0).and_then(|name| relation_oid(names, &name));
            found.map_or(Datum::Null, Datum::Int)
        }),
        ("to_regtype", DataType::Int64, |_, values| {
            let found = string(values, 0).and_then(|name| type_oid(&name));
            found.map_or(Datum::Null, Datum::Int)
        }),
        ("to_regclass", DataType::Int64, |names, values| {
            let found = string(values, 0).and_then(|name| relation_oid(names, &name));
            found.map_or(Datum::Null, Datum::Int)
        }),
        ("helenus_regclass_name", DataType::Utf8, |names, values| {
            or_null(int(values, 0).map(|number| relation_name(names, number)))
        }),
        (
            "helenus_regnamespace_name",
            DataType::Utf8,
            |names, values| {
                let found = int(values, 0).and_then(|number| names.schemas.get(&number));
                or_null(found.map(|name| quoted(name)))
            },
        ),
        (
            "helenus_regnamespace_oid",
            DataType::Int64,
            |names, values| {
                let wanted = string(values, 0).unwrap_or_default();
                let found = names.schemas.iter().find(|(_, name)| **name == wanted);
                found.map_or(Datum::Null, |(oid, _)| Datum::Int(*oid))
            },
        ),
        ("obj_description", DataType::Utf8, |names, values| {
            or_null(int(values, 0).and_then(|number| names.comments.get(&number).cloned()))
        }),
        ("pg_get_indexdef", DataType::Utf8, |names, values| {
            let index = int(values, 0).and_then(|number| names.indexes.get(&number));
            or_null(
                index.and_then(|it| match int(values, 1).unwrap_or_default() {
                    0 => Some(it.clone()),
                    column => indexed(it, usize::try_from(column).ok()?),
                }),
            )
        }),
        ("pg_get_constraintdef", DataType::Utf8, |names, values| {
            or_null(int(values, 0).and_then(|number| names.constraints.get(&number).cloned()))
        }),
    ]
}

/// Sizes are not told: a table's files say more, and `helenus admin tablestats` shows them.
fn about_sizes() -> Vec<(&'static str, DataType, Body)> {
    vec![
        ("pg_table_size", DataType::Int64, |_, _| Datum::Null),
        ("pg_relation_size", DataType::Int64, |_, _| Datum::Null),
        ("pg_total_relation_size", DataType::Int64, |_, _| {
            Datum::Null
        }),
        ("pg_database_size", DataType::Int64, |_, _| Datum::Null),
        ("pg_size_pretty", DataType::Utf8, |_, values| {
            or_null(int(values, 0).map(|bytes| format!("{bytes} bytes")))
        }),
    ]
}

/// A column of an index, from 1, as its definition `… USING btree (a, "b, c")` names it.
fn indexed(definition: &str, column: usize) -> Option<String> {
    let (_, columns) = definition.split_once(" USING btree (")?;
    let mut quoted = false;
    let mut names = columns.strip_suffix(')')?.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    names
        .nth(column.checked_sub(1)?)
        .map(|it| it.trim().to_owned())
}

/// Makes the functions known to a session.
pub(super) fn register(context: &SessionContext, facts: &Facts) {
    let known = relations::names(facts);
    let names = Arc::new(Names {
        facts: facts.clone(),
        relations: known.relations,
        schemas: known.schemas,
        comments: known.comments,
        indexes: known.indexes,
        constraints: known.constraints,
    });
    for (name, returns, body) in FIXED.into_iter().chain(looked_up()) {
        let signature = Signature::one_of(
            vec![
                datafusion::logical_expr::TypeSignature::VariadicAny,
                datafusion::logical_expr::TypeSignature::Nullary,
            ],
            Volatility::Stable,
        );
        context.register_udf(ScalarUDF::from(Function {
            name,
            returns,
            body,
            names: Arc::clone(&names),
            signature,
        }));
    }
}
