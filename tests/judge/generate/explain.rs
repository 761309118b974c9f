//! Differences that the manual explains, and how each is told from any other.
//!
//! Most are plain from what the two sides say: one refuses with words that no other statement
//! draws. Others look like a row that was lost, which may as well be a bug; so both sides are
//! asked more about it before the row counts as lost by Cassandra:
//!
//! ```text
//!   SELECT v FROM t WHERE …      ours: 3 rows      theirs: 2 of them
//!   SELECT * FROM t WHERE …      ours: 3 rows      theirs: the same 3, and v is null in the third
//!                                                  ⇒ expired-marker
//! ```

use crate::judge::generate::pieces::{Select, conjuncts, markers, place};
use crate::judge::generate::selfcheck::rows;
use crate::judge::generate::{Line, Pair, comparable, words};
use crate::judge::recorded::is_refusal;
use crate::judge::side::Ask;

/// The name of the difference in the manual, if it is one of those. The last line of the script
/// is the statement; what leads to it stands before.
pub fn name(pair: &mut Pair, script: &[Line], ours: &str, theirs: &str) -> Option<&'static str> {
    words::name(ours, theirs).or_else(|| by_asking(pair, script, ours, theirs))
}

/// What more questions tell.
fn by_asking(pair: &mut Pair, script: &[Line], ours: &str, theirs: &str) -> Option<&'static str> {
    let (line, before) = script.split_last()?;
    let refused = [
        "Invalid: Invalid null value in condition for column",
        "Invalid: Range deletions are not supported for specific columns",
    ];
    let is_refused = |ours: &str| refused.iter().any(|it| ours.starts_with(it));
    if theirs.is_empty() && is_refused(ours) && deletes_to_null(line) {
        return Some("slice-of-null");
    }
    if ours.is_empty() && theirs.starts_with("UPDATED TYPE ") && renames_to_itself(pair, line) {
        return Some("rename-to-itself");
    }
    let of_tuple = ours.starts_with("Invalid: Invalid tuple literal for ");
    let is_tinyint = ours.trim_end().ends_with(" is not of type tinyint");
    if !is_refusal(theirs) && of_tuple && is_tinyint && has_hex_component(&line.text) {
        return Some("hex-for-tinyint");
    }
    if compares_as_keys(pair, line, ours, theirs) {
        return Some("elements-as-keys");
    }
    let select = Select::read(line)?;
    let is_key = ours.starts_with("Invalid: Key may not be empty");
    if is_key && theirs.ends_with("\n(0 rows)\n") && has_null_slice(&select) {
        return Some("slice-of-null");
    }
    if has_null_slice(&select) && is_refused(ours) && refuses_without(pair, &select, line, theirs) {
        return Some("slice-of-null");
    }
    if is_unread(theirs) && is_refused_alike(pair, &select, line, ours) {
        return Some("timeuuid-of-a-function");
    }
    if calls_of_descending(pair, &select, line, ours, theirs) {
        return Some("functions-in-descending");
    }
    if is_refusal(ours) || is_refusal(theirs) {
        return None;
    }
    if contradicts_tokens(pair, &select) {
        return Some("tokens-beside-the-key");
    }
    if lacks_static_index(pair, &select, ours, theirs) {
        return Some("static-index-clustering");
    }
    if ends_with_page(pair, &select, line, ours, theirs) {
        return Some("static-index-pages");
    }
    if sorts_json(pair, &select) {
        return Some("json-in-order");
    }
    if full_fields(ours) == full_fields(theirs) && has_typed_key(pair, &select) {
        return Some("key-of-a-grown-type");
    }
    let expires = |line: &Line| line.text.contains(" TTL ");
    let has_ttl = before.iter().any(expires);
    (has_ttl && lacks_marker(pair, &select)).then_some("expired-marker")
}

/// An answer without the fields that are null, of values with fields behind their first.
fn full_fields(answer: &str) -> String {
    let mut full = String::new();
    for piece in answer.split(", ") {
        let (value, closed) = match piece.split_once('}') {
            Some((value, behind)) => (value, format!("}}{behind}")),
            None => (piece, String::new()),
        };
        if !value.ends_with(": null") {
            full.push_str(if full.is_empty() { "" } else { ", " });
            full.push_str(value);
        }
        full.push_str(&closed);
    }
    full
}

/// Whether a column of the clustering is a user type.
fn has_typed_key(pair: &mut Pair, select: &Select) -> bool {
    columns(pair, &select.table)
        .iter()
        .any(|it| it.kind == "clustering" && it.ty.contains("frozen<u"))
}

/// Whether what was prepared there has a column of a type without a name: it is not executed.
fn is_unread(theirs: &str) -> bool {
    theirs.contains("cannot be understood: Unknown class of a type: \n")
}

/// Whether a text has a blob's constant as a component of a tuple.
fn has_hex_component(text: &str) -> bool {
    text.contains("(0x") || text.contains(", 0x")
}

/// Whether both refuse a SELECT with the words of `ours` where its rows are but counted.
fn is_refused_alike(pair: &mut Pair, select: &Select, line: &Line, ours: &str) -> bool {
    let Some(values) = &line.ask.values else {
        return false;
    };
    let mut counted = line.clone();
    counted.text = line.text.replacen(&select.selection, "count(*)", 1);
    counted.ask.values = Some(values[markers(&select.selection)..].to_vec());
    let (here, there) = pair.ask(&counted);
    let same = |it: &str| is_refusal(ours) && comparable(it, false) == comparable(ours, false);
    same(&here) && there.is_some_and(|it| same(&it))
}

/// Whether a SELECT asks for a slice that begins or ends with null.
fn has_null_slice(select: &Select) -> bool {
    let values = select.values.iter().flatten();
    slices_to_null(&select.relations, values.skip(markers(&select.selection)))
}

/// Whether a statement deletes a slice that begins or ends with null.
fn deletes_to_null(line: &Line) -> bool {
    let Some(at) = place(&line.text, " WHERE ").filter(|_| line.text.starts_with("DELETE")) else {
        return false;
    };
    let (head, conditions) = line.text.split_at(at);
    let values = line.ask.values.iter().flatten().skip(markers(head));
    slices_to_null(&conjuncts(&conditions[" WHERE ".len()..]), values)
}

/// Whether both refuse a SELECT with the words of `theirs` where its slices do not end with null.
fn refuses_without(pair: &mut Pair, select: &Select, line: &Line, theirs: &str) -> bool {
    let mut values = select.values.iter().flatten();
    values
        .by_ref()
        .take(markers(&select.selection))
        .for_each(drop);
    let is_slice: Vec<bool> = select
        .relations
        .iter()
        .map(|it| slices_to_null(std::slice::from_ref(it), values.by_ref().take(markers(it))))
        .collect();
    let mut without = select.with(&select.selection, |at, _| !is_slice[at]);
    without.ask.page_rows = line.ask.page_rows;
    let (here, there) = pair.ask(&without);
    let same = |it: &str| is_refusal(theirs) && comparable(it, false) == comparable(theirs, false);
    same(&here) && there.is_some_and(|it| same(&it))
}

/// Whether a condition is an order against null, written out or bound.
fn slices_to_null<'a>(relations: &[String], mut values: impl Iterator<Item = &'a String>) -> bool {
    relations.iter().any(|it| {
        let bound: Vec<&String> = values.by_ref().take(markers(it)).collect();
        let orders = [" < ", " <= ", " > ", " >= "];
        let is_slice = orders.iter().any(|order| place(it, order).is_some());
        is_slice && (it.ends_with(" null") || bound.iter().any(|it| *it == "null"))
    })
}

/// Both answers to one more question.
fn both(pair: &mut Pair, line: &Line) -> Option<(String, String)> {
    let (ours, theirs) = pair.ask(line);
    let theirs = theirs?;
    (!is_refusal(&ours) && !is_refusal(&theirs)).then_some((ours, theirs))
}

/// A column of a table.
struct Column {
    name: String,
    kind: String,
    ty: String,
    is_descending: bool,
}

/// The columns of a table of ours.
fn columns(pair: &mut Pair, table: &str) -> Vec<Column> {
    let text = format!(
        "SELECT column_name, kind, type, clustering_order FROM system_schema.columns \
         WHERE keyspace_name = '{}' AND table_name = '{table}'",
        pair.keyspace
    );
    let answer = pair.ours.answer(&text, &Ask::default());
    let column = |row: &str| {
        let mut cells = row.split(" | ").map(|it| it.trim_matches('\'').to_owned());
        Some(Column {
            name: cells.next()?,
            kind: cells.next()?,
            ty: cells.next()?,
            is_descending: cells.next()? == "desc",
        })
    };
    rows(&answer).into_iter().filter_map(column).collect()
}

/// Whether fields get the names that they have, of a type that a clustering column in descending
/// order is of, be it in another type.
fn renames_to_itself(pair: &mut Pair, line: &Line) -> bool {
    let Some(rest) = line.text.strip_prefix("ALTER TYPE ") else {
        return false;
    };
    let Some((ty, renamed)) = rest.split_once(" RENAME ") else {
        return false;
    };
    let is_same = |it: &str| it.split_once(" TO ").is_some_and(|(from, to)| from == to);
    if !renamed.split(" AND ").all(is_same) {
        return false;
    }
    let mut rows_of = |table: &str, columns: &str| {
        let text = format!(
            "SELECT {columns} FROM system_schema.{table} WHERE keyspace_name = '{}'",
            pair.keyspace
        );
        let answer = pair.ours.answer(&text, &Ask::default());
        let rows: Vec<String> = rows(&answer).into_iter().map(str::to_owned).collect();
        rows
    };
    let types = rows_of("types", "type_name, field_types");
    let holds = |text: &str| {
        let of_others = types.iter().filter(|it| names(it, ty));
        let mut others = of_others.filter_map(|it| it.split('\'').nth(1));
        names(text, ty) || others.any(|other| names(text, other))
    };
    let columns = rows_of("columns", "clustering_order, type");
    columns
        .iter()
        .any(|it| it.starts_with("'desc'") && holds(it))
}

/// Whether a text names a column.
fn names(text: &str, column: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|word| word == column)
}

/// An index of a static column together with the whole partition key and clustering columns:
/// nothing is found there, and without the condition on the static column the same rows are.
fn lacks_static_index(pair: &mut Pair, select: &Select, ours: &str, theirs: &str) -> bool {
    if !rows(theirs).is_empty() || rows(ours).is_empty() {
        return false;
    }
    let columns = columns(pair, &select.table);
    let of_kind = |kind: &str, relation: &str| {
        let named = |it: &&Column| it.kind == kind && names(relation, &it.name);
        columns.iter().find(named).map(|it| it.name.clone())
    };
    let any = |kind: &str| {
        select
            .relations
            .iter()
            .any(|it| of_kind(kind, it).is_some())
    };
    let keyed = columns
        .iter()
        .filter(|it| it.kind == "partition_key")
        .all(|key| select.relations.iter().any(|it| names(it, &key.name)));
    if !keyed || !any("clustering") {
        return false;
    }
    let indexes = format!(
        "SELECT options FROM system_schema.indexes \
         WHERE keyspace_name = '{}' AND table_name = '{}'",
        pair.keyspace, select.table
    );
    let indexes = pair.ours.answer(&indexes, &Ask::default());
    for (at, relation) in select.relations.iter().enumerate() {
        let Some(column) = of_kind("static", relation) else {
            continue;
        };
        if !rows(&indexes).iter().any(|it| names(it, &column)) {
            continue;
        }
        let line = select.instead(&select.selection, Some(at));
        if let Some((ours, theirs)) = both(pair, &line) {
            return comparable(&ours, false) == comparable(&theirs, false)
                && !rows(&theirs).is_empty();
        }
    }
    false
}

/// An index of a static column read in pages, with the whole partition key: the first page is
/// taken for the last. Without pages both give all rows.
fn ends_with_page(pair: &mut Pair, select: &Select, line: &Line, ours: &str, theirs: &str) -> bool {
    let Some(page) = line.ask.page_rows.and_then(|it| usize::try_from(it).ok()) else {
        return false;
    };
    let (here, there) = (rows(ours), rows(theirs));
    if there.len() != page || !here.starts_with(&there) {
        return false;
    }
    let columns = columns(pair, &select.table);
    let is_named = |kind: &str, all: bool| {
        let mut of_kind = columns.iter().filter(|it| it.kind == kind);
        let named = |it: &Column| select.relations.iter().any(|r| names(r, &it.name));
        if all {
            of_kind.all(named)
        } else {
            of_kind.any(named)
        }
    };
    let mut whole = line.clone();
    whole.ask.page_rows = None;
    is_named("partition_key", true)
        && is_named("static", false)
        && both(pair, &whole).is_some_and(|(whole, of_theirs)| {
            comparable(&whole, false) == comparable(&of_theirs, false)
                && comparable(&whole, false) == comparable(ours, false)
        })
}

/// Rows whose INSERT with a TTL has expired and that live by an older cell: they are missing
/// there, but for `SELECT *`, and what was selected of them is null.
fn lacks_marker(pair: &mut Pair, select: &Select) -> bool {
    if select.selection.starts_with('*') || select.selection.starts_with("DISTINCT") {
        return false;
    }
    let selection = select.selection.clone();
    let Some((all, all_theirs)) = both(pair, &select.instead("*", None)) else {
        return false;
    };
    if comparable(&all, false) != comparable(&all_theirs, false) {
        return false;
    }
    let (mut keys, mut read) = (Vec::new(), Vec::new());
    for column in columns(pair, &select.table) {
        // Of `v[…]` but the element is read.
        let whole = !selection.contains(&format!("{}[", column.name));
        match column.kind.as_str() {
            "partition_key" | "clustering" => keys.push(column.name),
            "regular" if whole && names(&selection, &column.name) => read.push(column.name),
            _ => {}
        }
    }
    if are_missing(pair, select, &selection, &all, &read) {
        return true;
    }
    // Which rows there are is the matter of the columns that are read: rows that are missing there
    // are missing in what is made of them too.
    keys.extend(read.iter().cloned());
    !selection.contains('[') && are_missing(pair, select, &keys.join(", "), &all, &read)
}

/// Whether rows are missing there where these columns are read, and have nothing in them.
fn are_missing(
    pair: &mut Pair,
    select: &Select,
    selection: &str,
    all: &str,
    read: &[String],
) -> bool {
    let Some((ours, theirs)) = both(pair, &select.instead(selection, None)) else {
        return false;
    };
    let header = all.lines().next().unwrap_or_default();
    let places: Vec<&str> = header.split(" | ").collect();
    let place_of = |name: &String| {
        let prefix = format!("{name} ");
        places.iter().position(|it| it.starts_with(&prefix))
    };
    let read: Vec<usize> = read.iter().filter_map(place_of).collect();
    let (all, ours, theirs) = (rows(all), rows(&ours), rows(&theirs));
    if all.len() != ours.len() || theirs.len() >= ours.len() {
        return false;
    }
    let mut theirs = theirs.into_iter().peekable();
    for (whole, row) in all.iter().zip(ours) {
        let same = |it: &&str| comparable(it, false) == comparable(row, false);
        if theirs.next_if(same).is_some() {
            continue;
        }
        let cells: Vec<&str> = whole.split(" | ").collect();
        let is_null = |at: &usize| cells.get(*at).is_none_or(|it| *it == "null");
        if cells.len() != places.len() || !read.iter().all(is_null) {
            return false;
        }
    }
    theirs.next().is_none()
}

/// A cast or a function of collections that refuses a column for being in descending order. Where
/// we refuse the statement for something else, that must be what both say without the call.
fn calls_of_descending(
    pair: &mut Pair,
    select: &Select,
    line: &Line,
    ours: &str,
    theirs: &str,
) -> bool {
    let Some((call, column)) = refused_call(pair, select, theirs) else {
        return false;
    };
    let is_cast = theirs.contains(" cannot be cast to ");
    if !is_refusal(ours) && (!is_cast || theirs.starts_with(&format!("Invalid: {column} "))) {
        return true;
    }
    let Some(at) = line.text.to_lowercase().find(&call) else {
        return false;
    };
    let mut without = line.clone();
    without.text.replace_range(at..at + call.len(), &column);
    let (ours_without, Some(theirs_without)) = pair.ask(&without) else {
        return false;
    };
    // Without the call they agree, or differ in what has a name.
    let agree = comparable(&theirs_without, false) == comparable(&ours_without, false);
    if agree || words::name(&ours_without, &theirs_without).is_some() {
        return !is_refusal(ours) || comparable(&ours_without, false) == comparable(ours, false);
    }
    // There may be another such call.
    Select::read(&without).is_some_and(|select| {
        calls_of_descending(pair, &select, &without, &ours_without, &theirs_without)
    })
}

/// The call of a column in descending order that is refused there, in lower case, and the column.
fn refused_call(pair: &mut Pair, select: &Select, theirs: &str) -> Option<(String, String)> {
    let columns = columns(pair, &select.table);
    let mut descending = columns.iter().filter(|it| it.is_descending);
    let selection = select.selection.to_lowercase();
    let mut called = |call: &dyn Fn(&str) -> String| {
        let found = descending.find(|it| selection.contains(&call(&it.name)));
        found.map(|it| (call(&it.name), it.name.clone()))
    };
    if let Some(cast) = theirs.strip_prefix("Invalid: Invalid call to function system.cast_as_") {
        let to = cast.split(',').next().unwrap_or_default();
        return called(&|column| format!("cast({column} as {to})"));
    }
    if let Some((of, to)) = theirs.split_once(" cannot be cast to ") {
        let of = of.trim_start_matches("Invalid: ");
        // It may name the column of another cast of the same statement.
        return called(&|column| format!("cast({column} as {})", to.trim_end()))
            .filter(|(_, column)| column == of || selection.contains(&format!("cast({of} as ")));
    }
    // The names of the functions of collections, and what they say that they need.
    let (of, argument) = theirs.split_once(" argument, but found argument ")?;
    let function = of.strip_prefix("Invalid: Function system.")?;
    let (function, _) = function.split_once(' ')?;
    let (of, _) = argument.split_once(" of type ")?;
    called(&|column| format!("{function}({column})")).filter(|(_, column)| column == of)
}

/// Two bounds of the token that nothing meets: nothing is found, but with the key given besides
/// the rows of the key are.
fn contradicts_tokens(pair: &mut Pair, select: &Select) -> bool {
    let is_token = |it: &str| it.starts_with("token(");
    if select.relations.iter().filter(|it| is_token(it)).count() < 2 {
        return false;
    }
    let of_tokens = select.with("*", |_, it| is_token(it));
    let of_key = select.with("*", |_, it| !is_token(it));
    let together = select.with("*", |_, _| true);
    let mut ask = |line: &Line| both(pair, line).unwrap_or_default();
    let ((_, of_tokens), (key_here, key_there)) = (ask(&of_tokens), ask(&of_key));
    let (here, there) = ask(&together);
    rows(&of_tokens).is_empty()
        && rows(&here).is_empty()
        && !rows(&there).is_empty()
        && comparable(&key_here, false) == comparable(&key_there, false)
        && comparable(&there, false) == comparable(&key_there, false)
}

/// A condition on a map's element, `IF m[k] > v`: the values are compared as if they were keys,
/// which may fail. Where but one side applied the statement, the other does without such
/// conditions.
fn compares_as_keys(pair: &mut Pair, line: &Line, ours: &str, theirs: &str) -> bool {
    let applied = |answer: &str| {
        let first = rows(answer).first().copied().unwrap_or_default();
        answer
            .starts_with("[applied] boolean")
            .then(|| first.starts_with("true"))
    };
    let fails = theirs.starts_with("Internal: java.lang.IndexOutOfBoundsException");
    let Some(here) = applied(ours) else {
        return false;
    };
    let there = match applied(theirs) {
        None if fails => !here,
        None => return false,
        Some(there) => there,
    };
    let Some(at) = place(&line.text, " IF ").filter(|_| here != there) else {
        return false;
    };
    let (head, conditions) = line.text.split_at(at);
    let table = match head.strip_prefix("UPDATE ") {
        Some(rest) => rest,
        None => head.split(" FROM ").nth(1).unwrap_or_default(),
    };
    let table = table.split(' ').next().unwrap_or_default();
    let columns = columns(pair, table);
    let is_slip = |condition: &str| {
        let element = |it: &Column| condition.starts_with(&format!("{}[", it.name));
        columns
            .iter()
            .any(|it| element(it) && has_other_key(&it.ty))
    };
    let mut left = line.ask.values.clone().unwrap_or_default().into_iter();
    let mut values: Vec<String> = left.by_ref().take(markers(head)).collect();
    let (mut kept, mut dropped) = (Vec::new(), 0);
    for condition in conjuncts(&conditions[" IF ".len()..]) {
        let some: Vec<String> = left.by_ref().take(markers(&condition)).collect();
        match is_slip(&condition) {
            true => dropped += 1,
            false => {
                values.extend(some);
                kept.push(condition);
            }
        }
    }
    if dropped == 0 || kept.is_empty() || fails {
        return dropped > 0;
    }
    let text = format!("{head} IF {}", kept.join(" AND "));
    let values = line.ask.values.is_some().then_some(values);
    let ask = Ask {
        values,
        ..line.ask.clone()
    };
    let again = match (here, &mut pair.theirs) {
        (true, Some(theirs)) => theirs.answer(&text, &ask),
        _ => pair.ours.answer(&text, &ask),
    };
    applied(&again) == Some(true)
}

/// Whether a map's keys are of another type than its values.
fn has_other_key(ty: &str) -> bool {
    let ty = ty.strip_prefix("frozen<").unwrap_or(ty);
    let Some(of) = ty.strip_prefix("map<") else {
        return false;
    };
    let mut depth = 0;
    let comma = of.find(|c: char| {
        depth += i32::from(c == '<') - i32::from(c == '>');
        c == ',' && depth == 0
    });
    let (key, value) = of.split_at(comma.unwrap_or_default());
    value.trim_start_matches([',', ' ']).trim_end_matches('>') != key.trim_end_matches('>')
}

/// JSON of several partitions in one order: there the texts are sorted, as if they were values of
/// the column. The same rows not as JSON agree.
fn sorts_json(pair: &mut Pair, select: &Select) -> bool {
    if select.selection != "JSON *" || !select.tail.starts_with(" ORDER BY ") {
        return false;
    }
    let same =
        |(ours, theirs): (String, String)| comparable(&ours, false) == comparable(&theirs, false);
    let plain = select.with("*", |_, _| true);
    let json = select.with(&select.selection, |_, _| true);
    both(pair, &plain).is_some_and(same)
        && both(pair, &json).is_some_and(|(ours, theirs)| {
            let (mut ours, mut theirs) = (rows(&ours), rows(&theirs));
            ours.sort_unstable();
            theirs.sort_unstable();
            ours == theirs
        })
}
