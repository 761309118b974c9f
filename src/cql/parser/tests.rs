//! Tests of the parser: what it takes, what it makes of it, and what it says of the rest.

use super::*;
use crate::cql::ast::*;
use crate::limits::OPERATORS_MAX;

fn parse(text: &str) -> StatementKind {
    match parse_statement(text) {
        Ok(statement) => statement.kind,
        Err(error) => panic!("{text}: {error}"),
    }
}

fn refused(text: &str) -> String {
    match parse_statement(text) {
        Ok(statement) => panic!("{text} was taken: {statement:?}"),
        Err(error) => {
            assert_eq!(error.kind, crate::ErrorKind::Syntax, "{error}");
            error.message
        }
    }
}

#[test]
fn takes_what_cassandra_takes() {
    let statements = include_str!("tests/accepted.cql");
    let mut count = 0;
    for piece in split_statements(statements) {
        parse(piece.text);
        count += 1;
    }
    assert!(count > 150, "only {count} statements");
}

#[test]
fn refuses_with_position_and_words() {
    // Pairs of lines: a statement, and how the message about it starts.
    let cases = include_str!("tests/refused.txt");
    let mut lines = cases
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut wrong = Vec::new();
    while let (Some(statement), Some(expected)) = (lines.next(), lines.next()) {
        let message = refused(statement);
        if !message.starts_with(expected) {
            wrong.push(format!("{statement}\n got {message}\nwant {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn deep_nesting_is_refused_without_recursion() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}"), ("f(", ")"), ("-(", ")")] {
        let text = format!(
            "INSERT INTO t (a) VALUES ({}1{})",
            open.repeat(100_000),
            close.repeat(100_000)
        );
        assert!(refused(&text).contains("nesting is deeper than 64 levels"));
    }
    let text = format!(
        "CREATE TABLE t (a {}int{})",
        "list<".repeat(100_000),
        ">".repeat(100_000)
    );
    assert!(refused(&text).contains("nesting is deeper than 64 levels"));
    let text = format!("SELECT * FROM t WHERE {}a = 1", "(".repeat(100_000));
    assert!(refused(&text).contains("nesting is deeper than 64 levels"));
    let minus = format!("SELECT {}a FROM t", "- ".repeat(100_000));
    assert!(refused(&minus).contains("nesting is deeper than 64 levels"));
}

#[test]
fn nesting_is_taken_up_to_the_limit() {
    // The literal itself stands one level below its innermost list.
    let depth = NESTING_MAX - 1;
    let text = |depth: usize| {
        format!(
            "INSERT INTO t (a) VALUES ({}1{})",
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    parse(&text(depth));
    refused(&text(depth + 1));
}

#[test]
fn long_chains_are_refused() {
    let chain = |operators: usize| format!("SELECT 1{} FROM t", "+1".repeat(operators));
    parse(&chain(OPERATORS_MAX));
    assert!(refused(&chain(OPERATORS_MAX + 1)).contains("more than 100 operators"));
    let fields = format!("SELECT a{} FROM t", ".b".repeat(200_000));
    assert!(refused(&fields).contains("more than 100 operators"));
}

#[test]
fn long_statements_are_refused() {
    let text = " ".repeat(STATEMENT_BYTES_MAX + 1);
    assert!(refused(&text).contains("the limit is 16777216"));
    assert!(refused(&" ".repeat(STATEMENT_BYTES_MAX)).contains("no viable alternative"));
}

#[test]
fn statements_of_too_many_tokens_are_refused() {
    // Each element and its comma are two; the words around them and their gaps are ten.
    let text = |elements: usize| format!("SELECT a FROM t WHERE k IN ({}1)", "1,".repeat(elements));
    parse(&text(STATEMENT_TOKENS_MAX / 2 - 20));
    assert!(refused(&text(STATEMENT_TOKENS_MAX / 2)).contains("more than 1048576 words"));
}

fn value_of(term: &str) -> ExprKind {
    let StatementKind::Insert(Insert {
        source: InsertSource::Values { mut values, .. },
        ..
    }) = parse(&format!("INSERT INTO t (a) VALUES ({term})"))
    else {
        panic!("no insert");
    };
    values.remove(0).kind
}

fn literal(term: &str) -> Literal {
    match value_of(term) {
        ExprKind::Literal(literal) => literal,
        other => panic!("{term}: {other:?}"),
    }
}

#[test]
fn constants() {
    assert_eq!(literal("'it''s'"), Literal::String("it's".into()));
    assert_eq!(literal("$$it's$ so$$"), Literal::String("it's$ so".into()));
    assert_eq!(literal("''"), Literal::String(String::new()));
    assert_eq!(literal("-17"), Literal::Integer("-17".into()));
    assert_eq!(literal("1.5e-7"), Literal::Float("1.5e-7".into()));
    assert_eq!(literal("1."), Literal::Float("1.".into()));
    assert_eq!(literal("-1E3"), Literal::Float("-1E3".into()));
    assert_eq!(literal("TRUE"), Literal::Boolean(true));
    assert_eq!(literal("null"), Literal::Null);
    assert_eq!(literal("NaN"), Literal::Float("NaN".into()));
    assert_eq!(literal("-infinity"), Literal::Float("-Infinity".into()));
    assert_eq!(literal("0xCAFE"), Literal::Hex("CAFE".into()));
    assert_eq!(literal("0x"), Literal::Hex(String::new()));
    for duration in [
        "1y",
        "2mo3d",
        "1h30m",
        "89h4m48s",
        "1us",
        "5µs",
        "7ns",
        "1MO2D",
        "P1Y2M10DT2H30M",
        "PT5S",
        "P3W",
        "P0001-02-03T04:05:06",
    ] {
        assert_eq!(literal(duration), Literal::Duration(duration.into()));
    }
    assert_eq!(literal("-1mo2d3h"), Literal::Duration("-1mo2d3h".into()));
    for uuid in [
        "550e8400-e29b-41d4-a716-446655440000",
        "0000012e-1234-11e5-8ff0-123456789abc",
        "ABCDEF00-e29b-41d4-a716-446655440000",
    ] {
        assert_eq!(
            literal(uuid),
            Literal::Uuid(uuid::Uuid::parse_str(uuid).unwrap())
        );
    }
}

#[test]
fn terms() {
    assert!(matches!(value_of("[1, 2]"), ExprKind::List(items) if items.len() == 2));
    assert!(matches!(value_of("{}"), ExprKind::Set(items) if items.is_empty()));
    assert!(matches!(value_of("{'a': 1, 'b': 2}"), ExprKind::Map(entries) if entries.len() == 2));
    assert!(matches!(value_of("{a: 1, b: 2}"), ExprKind::Udt(fields) if fields.len() == 2));
    assert!(matches!(value_of("(1, 2)"), ExprKind::Tuple(items) if items.len() == 2));
    assert!(matches!(value_of("(int) ?"), ExprKind::TypeHint(..)));
    assert!(matches!(
        value_of("(list<int>) [1]"),
        ExprKind::TypeHint(..)
    ));
    assert!(matches!(value_of("now()"), ExprKind::Function(_)));
    assert!(
        matches!(value_of("ks.f(1)"), ExprKind::Function(call) if call.name.keyspace.is_some())
    );
    // Products bind closer than sums, and operators go left to right.
    let ExprKind::Arithmetic(ArithmeticOp::Subtract, left, _) = value_of("1 + 2 * 3 - 4") else {
        panic!("not a subtraction");
    };
    let ExprKind::Arithmetic(ArithmeticOp::Add, _, right) = left.kind else {
        panic!("not an addition");
    };
    assert!(matches!(
        right.kind,
        ExprKind::Arithmetic(ArithmeticOp::Multiply, ..)
    ));
}

#[test]
fn markers_are_numbered_in_order() {
    let statement =
        parse_statement("SELECT a FROM t WHERE b = ? AND c > :lo AND d = :\"Hi\"").unwrap();
    assert_eq!(
        statement.markers,
        [None, Some("lo".into()), Some("Hi".into())]
    );
    let batch = parse_statement(
        "BEGIN BATCH USING TIMESTAMP ? INSERT INTO t (a) VALUES (?); \
         UPDATE t SET b = ? WHERE a = ?; \
         APPLY BATCH",
    );
    assert_eq!(batch.unwrap().markers.len(), 4);
    // What is tried and given up leaves no marker behind.
    let tuple = parse_statement("SELECT * FROM t WHERE (a, b) IN ((?, ?), (?, ?))").unwrap();
    assert_eq!(tuple.markers.len(), 4);
}

#[test]
fn assignments() {
    let kinds = |text: &str| match parse(text) {
        StatementKind::Update(update) => update
            .assignments
            .into_iter()
            .map(|assignment| assignment.kind)
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let found = kinds(
        "UPDATE t SET a = 1, b = b + {1}, c = [1] + c, d = d - 1, e += 2, f -= 3, g['k'] = 4, \
         h.i = 5, j = j -6, k = f(1) WHERE p = 1",
    );
    assert!(matches!(found[0], AssignmentKind::Set(_)));
    assert!(matches!(found[1], AssignmentKind::Add(_)));
    assert!(matches!(found[2], AssignmentKind::Prepend(_)));
    assert!(matches!(found[3], AssignmentKind::Subtract(_)));
    assert!(matches!(found[4], AssignmentKind::Add(_)));
    assert!(matches!(found[5], AssignmentKind::Subtract(_)));
    assert!(matches!(found[6], AssignmentKind::SetElement(..)));
    assert!(matches!(found[7], AssignmentKind::SetField(..)));
    assert!(matches!(found[8], AssignmentKind::Add(_)));
    assert!(matches!(found[9], AssignmentKind::Set(_)));
}

#[test]
fn names_are_lowered_unless_quoted() {
    let StatementKind::Select(select) = parse("SELECT Abc, \"D\"\"e\" FROM Ks.\"T\"") else {
        panic!("no select");
    };
    assert!(matches!(&select.selectors[0].expr.kind, ExprKind::Column(name) if name.text == "abc"));
    assert!(
        matches!(&select.selectors[1].expr.kind, ExprKind::Column(name) if name.text == "D\"e")
    );
    assert_eq!(select.table.to_string(), "ks.T");
    assert_eq!(
        select.table.name.position,
        Position {
            line: 1,
            column: 27
        }
    );
}

#[test]
fn positions_count_characters_and_lines() {
    let message = refused("SELECT 'é', /* ü\n */ 'ä' x FROM t");
    assert!(
        message.starts_with("line 2:8 mismatched input 'x' expecting K_FROM"),
        "{message}"
    );
}

#[test]
fn scripts_are_split() {
    let script = "\u{feff}-- a comment; with a semicolon\nUSE \"a;b\"; ;\n  SELECT ';' FROM t; \
                  BEGIN BATCH INSERT INTO t (a) VALUES (1); DELETE FROM t WHERE a = 2; \
                  APPLY BATCH;\n\
                  INSERT INTO t (a) VALUES ($$;$$) -- last\n";
    let pieces: Vec<_> = split_statements(script).collect();
    let texts: Vec<_> = pieces.iter().map(|piece| piece.text).collect();
    assert_eq!(
        texts,
        [
            "USE \"a;b\"",
            "SELECT ';' FROM t",
            "BEGIN BATCH INSERT INTO t (a) VALUES (1); DELETE FROM t WHERE a = 2; APPLY BATCH",
            "INSERT INTO t (a) VALUES ($$;$$)",
        ]
    );
    assert_eq!((pieces[1].line, pieces[1].column), (3, 2));
    assert!(pieces[2].terminated && !pieces[3].terminated);
    let open: Vec<_> = split_statements("USE a; SELECT 'open; USE b;").collect();
    assert_eq!(open[1].text, "SELECT 'open; USE b;");
    assert!(!open[1].terminated);
    let strange: Vec<_> = split_statements("SELECT @; USE b;")
        .map(|piece| piece.text)
        .collect();
    assert_eq!(strange, ["SELECT @", "USE b"]);
}

#[test]
fn any_prefix_and_any_cut_is_refused_or_taken_without_panic() {
    let statements = include_str!("tests/accepted.cql");
    for piece in split_statements(statements) {
        for (at, _) in piece.text.char_indices() {
            let _ = parse_statement(&piece.text[..at]);
            let _ = parse_statement(&piece.text[at..]);
        }
    }
}

#[test]
fn any_soup_of_tokens_is_answered() {
    let pieces: Vec<&str> = include_str!("tests/accepted.cql")
        .split_inclusive([' ', '(', ')', ',', ';', '\n'])
        .collect();
    let random = crate::random::Random::seeded(7);
    for _ in 0..3_000 {
        let mut text = String::new();
        for _ in 0..random.below(12) {
            let at = random.below(pieces.len() as u64);
            text.push_str(pieces[usize::try_from(at).unwrap()]);
        }
        if let Err(error) = parse_statement(&text) {
            assert_eq!(error.kind, crate::ErrorKind::Syntax, "{text}: {error}");
        }
        assert!(split_statements(&text).count() <= text.len());
    }
}

#[test]
fn a_long_statement_of_many_attempts_takes_time_as_it_is_long() {
    // Each parenthesis is tried as a tuple of columns first.
    let relations = vec!["(a = (int) 1)"; 10_000].join(" AND ");
    let StatementKind::Select(select) = parse(&format!("SELECT * FROM t WHERE {relations}")) else {
        panic!("no select");
    };
    assert_eq!(select.relations.len(), 10_000);
    let values = vec!["(1 + -2, [('x')], {a: ?})"; 10_000].join(", ");
    parse(&format!("SELECT * FROM t WHERE (a) IN ({values})"));
}
