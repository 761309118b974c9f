//! Names of the columns of a result, as Cassandra gives them: what was written, in its own
//! spelling.

use crate::cql::ast::{Expr, ExprKind, Literal, Name};
use crate::cql::bind::show;

/// The name of a selector's column in the result; `keyspace` is the table's.
pub fn column_name(expr: &Expr, keyspace: &str) -> String {
    let name = |of: &Expr| column_name(of, keyspace);
    let list = |arguments: &[Expr]| {
        let names: Vec<String> = arguments.iter().map(name).collect();
        names.join(", ")
    };
    match &expr.kind {
        ExprKind::Function(call) => {
            let name = call.name.name.text.as_str();
            if let ("count", [argument]) = (name, call.arguments.as_slice())
                && is_constant(argument)
            {
                return "count".to_owned();
            }
            format!("system.{name}({})", list(&call.arguments))
        }
        ExprKind::CountRows => "count".to_owned(),
        ExprKind::CellInfo(info, of) => format!("{}({})", show::cell_info(*info), name(of)),
        ExprKind::Cast(of, ty) => format!("cast({} as {})", name(of), ty),
        ExprKind::Element(of, key) => format!("{}[{}]", name(of), show::expr(key)),
        ExprKind::Field(of, field) => format!("{}.{field}", name(of)),
        ExprKind::Negate(of) => format!("-{}", name(of)),
        ExprKind::Arithmetic(op, left, right) => {
            format!("{} {} {}", name(left), show::sign(*op), name(right))
        }
        ExprKind::TypeHint(ty, of) => format!("({}){}", ty.in_keyspace(keyspace), name(of)),
        ExprKind::Slice(of, from, to) => {
            let end = |e: &Option<Box<Expr>>| e.as_deref().map(show::expr).unwrap_or_default();
            format!("{}[{}..{}]", name(of), end(from), end(to))
        }
        ExprKind::List(items) => format!("[{}]", list(items)),
        ExprKind::Set(items) => format!("{{{}}}", list(items)),
        ExprKind::Tuple(items) => format!("({})", list(items)),
        ExprKind::Map(entries) => {
            let entry = |(key, value): &(Expr, Expr)| format!("{}: {}", name(key), name(value));
            let shown: Vec<String> = entries.iter().map(entry).collect();
            format!("{{{}}}", shown.join(", "))
        }
        ExprKind::Udt(fields) => {
            let field = |(field, value): &(Name, Expr)| format!("{field}: {}", name(value));
            let shown: Vec<String> = fields.iter().map(field).collect();
            format!("{{{}}}", shown.join(", "))
        }
        _ => show::expr(expr),
    }
}

/// Whether an argument of `count` is a constant: that counts rows.
pub(super) fn is_constant(argument: &Expr) -> bool {
    matches!(&argument.kind, ExprKind::Literal(it) if *it != Literal::Null)
}
