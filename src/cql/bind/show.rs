//! Terms and relations as messages show them: operators and casts are functions there.
//!
//! A selector is shown as it was written, see [`naming`](crate::cql::bind::naming).

use crate::cql::ast::{
    ArithmeticOp, CellInfo, Expr, ExprKind, Literal, Name, Relation, RelationLeft, RelationRight,
};

fn join<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    items.iter().map(show).collect::<Vec<_>>().join(", ")
}

/// A literal; texts stand as they are.
pub fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Null => "NULL".to_owned(),
        Literal::String(text) => format!("'{text}'"),
        Literal::Integer(text) | Literal::Float(text) | Literal::Duration(text) => text.clone(),
        Literal::Boolean(value) => value.to_string(),
        Literal::Uuid(value) => value.to_string(),
        Literal::Hex(digits) => format!("0x{digits}"),
    }
}

/// The name of a selector of cell information.
pub fn cell_info(info: CellInfo) -> &'static str {
    match info {
        CellInfo::WriteTime => "writetime",
        CellInfo::MaxWriteTime => "maxwritetime",
        CellInfo::Ttl => "ttl",
    }
}

/// An operator's sign.
pub fn sign(op: ArithmeticOp) -> &'static str {
    match op {
        ArithmeticOp::Add => "+",
        ArithmeticOp::Subtract => "-",
        ArithmeticOp::Multiply => "*",
        ArithmeticOp::Divide => "/",
        ArithmeticOp::Modulo => "%",
    }
}

/// The name of an operator's function; the spelling is Cassandra's.
fn function(op: ArithmeticOp) -> &'static str {
    match op {
        ArithmeticOp::Add => "_add",
        ArithmeticOp::Subtract => "_substract",
        ArithmeticOp::Multiply => "_multiply",
        ArithmeticOp::Divide => "_divide",
        ArithmeticOp::Modulo => "_modulo",
    }
}

/// A term.
pub fn expr(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Literal(value) => literal(value),
        ExprKind::Marker(_) => "?".to_owned(),
        ExprKind::Column(name) => name.text.clone(),
        ExprKind::List(items) => format!("[{}]", join(items, expr)),
        ExprKind::Set(items) => format!("{{{}}}", join(items, expr)),
        ExprKind::Map(entries) => {
            let shown = join(entries, |(key, value)| {
                format!("{}: {}", expr(key), expr(value))
            });
            format!("{{{shown}}}")
        }
        ExprKind::Udt(fields) => {
            let shown = join(fields, |(name, value)| format!("{name}: {}", expr(value)));
            format!("{{{shown}}}")
        }
        ExprKind::Tuple(items) => format!("({})", join(items, expr)),
        ExprKind::Function(call) => format!("{}({})", call.name, join(&call.arguments, expr)),
        ExprKind::CountRows => "count(*)".to_owned(),
        ExprKind::CellInfo(info, column) => format!("{}({})", cell_info(*info), expr(column)),
        ExprKind::Cast(inner, ty) => format!("system.cast_as_{ty}({})", expr(inner)),
        ExprKind::TypeHint(ty, inner) => format!("({}){}", ty, expr(inner)),
        ExprKind::Element(of, key) => format!("{}[{}]", expr(of), expr(key)),
        ExprKind::Slice(of, from, to) => {
            let end = |e: &Option<Box<Expr>>| e.as_deref().map(expr).unwrap_or_default();
            format!("{}[{}..{}]", expr(of), end(from), end(to))
        }
        ExprKind::Field(of, name) => format!("{}.{name}", expr(of)),
        ExprKind::Negate(inner) => format!("system.\"_negate\"({})", expr(inner)),
        ExprKind::Arithmetic(op, left, right) => {
            let name = function(*op);
            format!("system.\"{name}\"({}, {})", expr(left), expr(right))
        }
    }
}

fn names(names: &[Name]) -> String {
    join(names, |name| name.text.clone())
}

/// A relation.
pub fn relation(relation: &Relation) -> String {
    let left = match &relation.left {
        RelationLeft::Column(name) => name.text.clone(),
        RelationLeft::Element(name, key) => format!("{name}[{}]", expr(key)),
        RelationLeft::Tuple(columns) => format!("({})", names(columns)),
        RelationLeft::Token(columns) => format!("token({})", names(columns)),
        RelationLeft::Custom(name) => format!("expr({name})"),
    };
    let right = match &relation.right {
        RelationRight::Value(value) => expr(value),
        RelationRight::List(values) => format!("({})", join(values, expr)),
        RelationRight::None => "NULL".to_owned(),
    };
    format!("{left} {} {right}", relation.operator)
}
