//! From PostgreSQL's dialect to DataFusion's, on the syntax tree.
//!
//! | PostgreSQL | becomes |
//! |---|---|
//! | `pg_catalog.f(x)` | `f(x)` |
//! | `x OPERATOR(pg_catalog.~) y` | `x ~ y` |
//! | `x COLLATE …` | `x` |
//! | `'t'::regclass`, `oid::regclass` | the table's number, its name |
//! | `x = ANY (array)` | `array_has(array, x)` |
//! | `x LIKE y ESCAPE '/'` | `x LIKE replace(y, '/', '\')` |
//! | `generate_subscripts(array, 1)` | `unnest(helenus_subscripts_from_1(array, 1))` |
//! | `(expression).field` | `get_field(expression, 'field')` |
//! | a subquery over a relation that is always empty | null |
//! | `(SELECT x FROM …)` | `(SELECT max(x) FROM …)` |
//!
//! Columns without a name get the one that PostgreSQL gives them; one that is there already gets
//! a mark, which [`shown_name`] takes off again.

use crate::analytics::pg_catalog::relations;
use crate::error::{Error, Result};
use crate::limits::MARKERS_MAX;
use sqlparser::ast::{
    AccessExpr, BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, JoinOperator, ObjectName, ObjectNamePart,
    Query, Select, SelectItem, SetExpr, Statement, TableFactor, Value, ValueWithSpan, Visit,
    Visitor, visit_expressions, visit_expressions_mut, visit_relations, visit_relations_mut,
};
use std::collections::HashSet;
use std::ops::ControlFlow;

/// What marks a name that was there already.
const MARK: char = '\u{1}';

/// A column's name as clients see it.
pub(super) fn shown_name(name: &str) -> &str {
    name.split(MARK).next().unwrap_or(name)
}

fn parts(name: &ObjectName) -> Vec<String> {
    let ident = |part: &ObjectNamePart| {
        part.as_ident()
            .map_or_else(String::new, |ident| match ident.quote_style {
                Some(_) => ident.value.clone(),
                None => ident.value.to_ascii_lowercase(),
            })
    };
    name.0.iter().map(ident).collect()
}

/// The schema and the name of a relation that is ours.
fn relation(name: &ObjectName) -> Option<(&'static str, String)> {
    let mut parts = parts(name);
    let last = parts.pop()?;
    match parts.pop().as_deref() {
        Some("pg_catalog") => Some(("pg_catalog", last)),
        Some("information_schema") => Some(("information_schema", last)),
        None if last.starts_with("pg_") => Some(("pg_catalog", last)),
        _ => None,
    }
}

/// Whether a query reads nothing but the catalogs.
pub(super) fn is_catalogs(statement: &Statement) -> bool {
    let Statement::Query(query) = statement else {
        return false;
    };
    let with = query.with.iter().flat_map(|with| &with.cte_tables);
    let own: HashSet<String> = with
        .map(|table| table.alias.name.value.to_ascii_lowercase())
        .collect();
    let foreign = visit_relations(statement, |name| {
        let parts = parts(name);
        let known = relation(name).is_some()
            || matches!(&parts[..], [name] if own.contains(name) || name == "generate_series");
        match known {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    });
    foreign.is_continue()
}

fn placeholder(expr: &Expr) -> Option<Result<usize>> {
    let Expr::Value(ValueWithSpan {
        value: Value::Placeholder(text),
        ..
    }) = expr
    else {
        return None;
    };
    let number = text
        .strip_prefix('$')
        .and_then(|digits| digits.parse().ok());
    Some(
        number
            .filter(|number| (1..=MARKERS_MAX).contains(number))
            .ok_or_else(|| Error::syntax("parameters are $1, $2 and so on")),
    )
}

/// How many parameters a query has.
pub(super) fn parameters(statement: &Statement) -> Result<usize> {
    let mut most = Ok(0);
    let _ = visit_expressions(statement, |expr| {
        if let (Some(found), Ok(known)) = (placeholder(expr), &most) {
            most = found.map(|number| number.max(*known));
        }
        ControlFlow::<()>::Continue(())
    });
    most
}

/// The names of its columns, if a query is known to have no rows.
pub(super) fn known_empty(statement: &Statement) -> Option<Vec<String>> {
    let Statement::Query(query) = statement else {
        return None;
    };
    if !is_empty(&query.body) {
        return None;
    }
    let select = first_select(&query.body)?;
    let names = select.projection.iter().map(item_name);
    names.collect()
}

fn first_select(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::SetOperation { left, .. } => first_select(left),
        SetExpr::Query(query) => first_select(&query.body),
        _ => None,
    }
}

/// Whether a part of a query has no rows whatever the schema is.
fn is_empty(body: &SetExpr) -> bool {
    match body {
        SetExpr::SetOperation { left, right, .. } => is_empty(left) && is_empty(right),
        SetExpr::Query(query) => is_empty(&query.body),
        SetExpr::Select(select) => {
            let aggregates = select.projection.iter().any(aggregates);
            !aggregates
                && select.from.iter().any(|from| {
                    is_empty_factor(&from.relation)
                        && from
                            .joins
                            .iter()
                            .all(|join| !keeps_right(&join.join_operator))
                        || from.joins.iter().any(|join| {
                            keeps_neither(&join.join_operator) && is_empty_factor(&join.relation)
                        })
                })
        }
        _ => false,
    }
}

/// Looks for an aggregate outside of subqueries.
#[derive(Default)]
struct Aggregates {
    depth: usize,
}

impl Visitor for Aggregates {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) if self.depth == 0 && is_aggregate(function) => {
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

fn aggregates(item: &SelectItem) -> bool {
    item.visit(&mut Aggregates::default()).is_break()
}

fn is_aggregate(function: &Function) -> bool {
    let name = parts(&function.name).pop().unwrap_or_default();
    ["count", "max", "min", "sum", "bool_or", "bool_and"].contains(&name.as_str())
        || name.ends_with("_agg")
}

fn keeps_right(join: &JoinOperator) -> bool {
    matches!(
        join,
        JoinOperator::Right(_) | JoinOperator::RightOuter(_) | JoinOperator::FullOuter(_)
    )
}

fn keeps_neither(join: &JoinOperator) -> bool {
    matches!(
        join,
        JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_)
    )
}

fn is_empty_factor(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Table { name, .. } => {
            relation(name).is_some_and(|(schema, name)| relations::is_always_empty(schema, &name))
        }
        TableFactor::Derived { subquery, .. } => is_empty(&subquery.body),
        _ => false,
    }
}

/// Makes a query what DataFusion plans, its parameters in their places.
pub(super) fn rewrite(statement: &mut Statement, values: &[Option<String>]) -> Result<()> {
    let mut fault = None;
    let _ = visit_expressions_mut(statement, |expr| match rewritten(expr, values) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            fault = Some(error);
            ControlFlow::Break(())
        }
    });
    if let Some(error) = fault {
        return Err(error);
    }
    let _ = visit_relations_mut(statement, |name| {
        if matches!(&parts(name)[..], [_, last] if last == "generate_series") {
            name.0.remove(0);
        }
        ControlFlow::<()>::Continue(())
    });
    if let Statement::Query(query) = statement {
        query.locks.clear();
        name_columns(&mut query.body);
    }
    Ok(())
}

fn name_columns(body: &mut SetExpr) {
    match body {
        SetExpr::SetOperation { left, right, .. } => {
            name_columns(left);
            name_columns(right);
        }
        SetExpr::Query(query) => name_columns(&mut query.body),
        SetExpr::Select(select) => {
            let mut taken = HashSet::new();
            for item in &mut select.projection {
                let Some(name) = item_name(item) else {
                    continue;
                };
                let mut unique = name.clone();
                while !taken.insert(unique.clone()) {
                    unique = format!("{name}{MARK}{}", taken.len());
                }
                let expr = match item {
                    SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                        expr.clone()
                    }
                    _ => continue,
                };
                let alias = Ident::with_quote('"', unique);
                *item = SelectItem::ExprWithAlias { expr, alias };
            }
        }
        _ => {}
    }
}

/// The name of a column, as PostgreSQL gives it; none for `*`.
fn item_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        SelectItem::UnnamedExpr(expr) => Some(expr_name(expr)),
        _ => None,
    }
}

fn folded(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    }
}

fn expr_name(expr: &Expr) -> String {
    let unnamed = || "?column?".to_owned();
    match expr {
        Expr::Identifier(ident) => folded(ident),
        Expr::CompoundIdentifier(idents) => idents.last().map_or_else(unnamed, folded),
        Expr::Function(function) => {
            let name = parts(&function.name).pop().unwrap_or_else(unnamed);
            name.strip_prefix("helenus_").unwrap_or(&name).to_owned()
        }
        Expr::Cast {
            expr, data_type, ..
        } => match expr_name(expr) {
            name if name == "?column?" => data_type.to_string().to_ascii_lowercase(),
            name => name,
        },
        Expr::Nested(expr) | Expr::Collate { expr, .. } => expr_name(expr),
        Expr::Case { .. } => "case".to_owned(),
        Expr::Exists { .. } => "exists".to_owned(),
        Expr::Subquery(query) => match first_select(&query.body) {
            Some(select) => select
                .projection
                .first()
                .and_then(item_name)
                .unwrap_or_else(unnamed),
            None => unnamed(),
        },
        _ => unnamed(),
    }
}

fn text(value: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.to_owned()).into())
}

fn null() -> Expr {
    Expr::Value(Value::Null.into())
}

fn call(name: &str, args: Vec<Expr>) -> Expr {
    let args = args
        .into_iter()
        .map(|expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)))
        .collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn string_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text),
            _ => None,
        },
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => string_of(inner),
        _ => None,
    }
}

fn rewritten(expr: &mut Expr, values: &[Option<String>]) -> Result<()> {
    if let Some(number) = placeholder(expr) {
        *expr = match values.get(number? - 1) {
            Some(Some(value)) => text(value),
            _ => null(),
        };
        return Ok(());
    }
    let taken = std::mem::replace(expr, null());
    *expr = match taken {
        Expr::Collate { expr, .. } => *expr,
        Expr::Value(value) => match value.value {
            Value::EscapedStringLiteral(escaped) => text(&escaped),
            other => Expr::Value(other.into()),
        },
        Expr::BinaryOp { left, op, right } => Expr::BinaryOp {
            left,
            op: operator(op),
            right,
        },
        Expr::AnyOp {
            left,
            compare_op: BinaryOperator::Eq,
            right,
            ..
        } => any(*left, *right),
        Expr::Subquery(query) if is_empty(&query.body) => null(),
        Expr::Subquery(query) => Expr::Subquery(one_row(query)),
        Expr::Exists { subquery, negated } if is_empty(&subquery.body) => {
            Expr::Value(Value::Boolean(negated).into())
        }
        Expr::Cast {
            kind,
            expr,
            data_type,
            array,
            format,
        } => match cast(&expr, &data_type) {
            Some(Cast::Whole(expr)) => *expr,
            Some(Cast::To(data_type)) => Expr::Cast {
                kind,
                expr,
                data_type,
                array,
                format,
            },
            None => *expr,
        },
        Expr::Like {
            negated,
            any,
            expr,
            pattern,
            escape_char: Some(escape),
        } => Expr::Like {
            negated,
            any,
            expr,
            pattern: Box::new(escaped_by(*pattern, &escape.value)),
            escape_char: None,
        },
        Expr::CompoundFieldAccess { root, access_chain } => field_access(*root, access_chain),
        Expr::Function(function) => function_call(function),
        other => other,
    };
    Ok(())
}

/// A subquery that stands for a value has one row at most, which must be seen by its form.
fn one_row(mut query: Box<Query>) -> Box<Query> {
    let open = query.limit_clause.is_none() && query.order_by.is_none();
    if let SetExpr::Select(select) = query.body.as_mut()
        && let (true, false, [item]) = (open, select.from.is_empty(), &mut select.projection[..])
        && !aggregates(item)
        && let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item
    {
        *expr = call("max", vec![std::mem::replace(expr, null())]);
    }
    query
}

/// A pattern whose escapes are backslashes.
fn escaped_by(pattern: Expr, escape: &Value) -> Expr {
    match escape {
        Value::SingleQuotedString(escape) if escape != "\\" && !escape.is_empty() => {
            call("replace", vec![pattern, text(escape), text("\\")])
        }
        _ => pattern,
    }
}

fn operator(op: BinaryOperator) -> BinaryOperator {
    let BinaryOperator::PGCustomBinaryOperator(names) = &op else {
        return op;
    };
    match names.last().map(String::as_str) {
        Some("~") => BinaryOperator::PGRegexMatch,
        Some("!~") => BinaryOperator::PGRegexNotMatch,
        Some("~*") => BinaryOperator::PGRegexIMatch,
        Some("!~*") => BinaryOperator::PGRegexNotIMatch,
        Some("~~") => BinaryOperator::PGLikeMatch,
        Some("=") => BinaryOperator::Eq,
        Some("<>") => BinaryOperator::NotEq,
        _ => op,
    }
}

/// `left = ANY (right)`.
fn any(left: Expr, right: Expr) -> Expr {
    let listed = string_of(&right).and_then(|list| {
        let inner = list.trim().strip_prefix('{')?.strip_suffix('}')?;
        Some(
            inner
                .split(',')
                .filter(|word| !word.is_empty())
                .map(|word| text(word.trim().trim_matches('"')))
                .collect::<Vec<_>>(),
        )
    });
    match listed {
        Some(list) if list.is_empty() => Expr::Value(Value::Boolean(false).into()),
        Some(list) => Expr::InList {
            expr: Box::new(left),
            list,
            negated: false,
        },
        None => {
            let right = match right {
                Expr::Nested(inner) => *inner,
                right => right,
            };
            call("array_has", vec![right, left])
        }
    }
}

enum Cast {
    Whole(Box<Expr>),
    To(DataType),
}

/// What a cast becomes; none where it is left out.
fn cast(expr: &Expr, to: &DataType) -> Option<Cast> {
    let name = match to {
        DataType::Custom(name, _) => parts(name).pop().unwrap_or_default(),
        DataType::Regclass => "regclass".to_owned(),
        DataType::Array(_) => return None,
        other => return Some(Cast::To(other.clone())),
    };
    let plain = |to| Some(Cast::To(to));
    let literal = string_of(expr).is_some();
    let boxed = |expr| Some(Cast::Whole(Box::new(expr)));
    let whole = |function: &str| boxed(call(function, vec![expr.clone()]));
    match name.as_str() {
        "regclass" if literal => whole("helenus_regclass_oid"),
        "regclass" => whole("helenus_regclass_name"),
        "regtype" if literal => whole("helenus_regtype_oid"),
        "regtype" => boxed(call("format_type", vec![expr.clone(), null()])),
        "regnamespace" if !literal => whole("helenus_regnamespace_name"),
        "regnamespace" => whole("helenus_regnamespace_oid"),
        "regrole" => whole("pg_get_userbyid"),
        "oid" | "xid" | "int2" | "int4" | "int8" | "cardinal_number" => {
            plain(DataType::BigInt(None))
        }
        "bool" | "yes_or_no" => plain(DataType::Boolean),
        "text" | "name" | "char" | "bpchar" | "varchar" | "regproc" | "regprocedure"
        | "sql_identifier" | "character_data" | "information_schema" => plain(DataType::Text),
        _ => None,
    }
}

/// `(expression).field`.
fn field_access(root: Expr, chain: Vec<AccessExpr>) -> Expr {
    let root = match root {
        Expr::Nested(inner) => *inner,
        root => root,
    };
    match &chain[..] {
        [AccessExpr::Dot(Expr::Identifier(field))] => {
            call("get_field", vec![root, text(&folded(field))])
        }
        _ => Expr::CompoundFieldAccess {
            root: Box::new(root),
            access_chain: chain,
        },
    }
}

fn function_call(mut function: Function) -> Expr {
    let mut names = parts(&function.name);
    let name = names.pop().unwrap_or_default();
    let schema = names.pop();
    if name == "array"
        && let FunctionArguments::Subquery(query) = &function.args
    {
        return array_of(query);
    }
    if matches!(function.args, FunctionArguments::None) {
        // `current_user` and its like stand without parentheses.
        return call(&name, Vec::new());
    }
    if name == "_pg_expandarray" {
        function.name = ObjectName::from(vec![Ident::new(&name)]);
        return call("unnest", vec![Expr::Function(function)]);
    }
    if name == "generate_subscripts" {
        return subscripts(function);
    }
    if schema.is_some() {
        function.name = ObjectName::from(vec![Ident::new(&name)]);
    }
    Expr::Function(function)
}

/// `generate_subscripts(array, 1)`: vectors of indexes count from 0, other arrays from 1.
fn subscripts(mut function: Function) -> Expr {
    let FunctionArguments::List(list) = &function.args else {
        return Expr::Function(function);
    };
    let from_zero = list.args.iter().any(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
            ["indkey", "indoption", "indclass", "indcollation"].contains(&expr_name(expr).as_str())
        }
        _ => false,
    });
    let name = match from_zero {
        true => "helenus_subscripts_from_0",
        false => "helenus_subscripts_from_1",
    };
    function.name = ObjectName::from(vec![Ident::new(name)]);
    call("unnest", vec![Expr::Function(function)])
}

/// `ARRAY (SELECT …)`: what tools gather so (members of roles, rights) is always empty here.
fn array_of(_query: &Query) -> Expr {
    call("helenus_no_texts", Vec::new())
}
