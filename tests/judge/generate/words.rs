//! Differences that the manual explains and that the words of the two answers tell: one refuses
//! with words that no other statement draws, or both with words that differ in one known way.

/// What the table of differences knows, with words of their answer and of ours.
const EXPLAINED: &[(&str, &str, &str)] = &[
    ("server-errors", "Internal: ", ": "),
    // An unset value that is added to a list.
    (
        "server-errors",
        "ClassCastException: class org.apache.cassandra.cql3.Constants$Value cannot be cast to \
         class org.apache.cassandra.cql3.Lists$Value",
        "",
    ),
    // The table behind an index of a type that has since changed cannot be written to disk.
    (
        "server-errors",
        "Internal: java.lang.RuntimeException: java.util.concurrent.ExecutionException: \
         java.lang.RuntimeException: Last written key DecoratedKey(",
        "",
    ),
    (
        "server-errors",
        "Internal: org.apache.cassandra.io.sstable.CorruptSSTableException: Corrupted: ",
        "",
    ),
    (
        "paging-state-of-groups",
        "Protocol: Invalid value for the paging state",
        // What we say of the next page may be an error of its own.
        "",
    ),
    ("arithmetic-in-descending", "Invalid: Ambiguous '", ""),
    (
        "slice-of-null",
        " rows)",
        "Invalid: Invalid null value in condition for column",
    ),
    (
        "timeuuid-of-a-function",
        "cannot be understood: Unknown class of a type: \n",
        " timeuuid",
    ),
    // Values that do not fit their markers are not asked where nothing could be prepared.
    (
        "timeuuid-of-a-function",
        "cannot be understood: Unknown class of a type: \n",
        "Invalid: Unable to make ",
    ),
    (
        "conditions-on-empty",
        "[applied] boolean",
        "Invalid: Invalid comparison with an empty ",
    ),
    (
        "conditions-on-empty",
        "[applied] boolean",
        "Invalid: Invalid comparison with null for operator",
    ),
    (
        "unset-in-condition",
        "[applied] boolean",
        "Invalid: Invalid 'unset' value in condition",
    ),
];

/// The constants that Cassandra takes for what they are not: what was refused here, and of which
/// type.
const SLIPS: &[(&str, &str, &str)] = &[
    (
        "hex-for-tinyint",
        "Invalid: Invalid HEX constant (",
        " of type tinyint\n",
    ),
    ("tuple-of-a-number", " constant (", " of type frozen<tuple<"),
    (
        "tuple-of-a-number",
        "Invalid tuple literal for ",
        " is not of type frozen<tuple<",
    ),
];

/// What the two answers alone tell.
pub fn name(ours: &str, theirs: &str) -> Option<&'static str> {
    let slips =
        |(_, refused, ty): &&(&str, &str, &str)| ours.contains(refused) && ours.contains(ty);
    if refuses_number_in_list(ours) {
        return Some("tuple-of-a-number");
    }
    // What was taken there may be followed by another fault.
    if let Some((name, ..)) = SLIPS.iter().find(slips) {
        return Some(name);
    }
    let fits = |(_, of_theirs, of_ours): &&(&str, &str, &str)| {
        theirs.contains(of_theirs) && ours.contains(of_ours)
    };
    let found = EXPLAINED.iter().find(fits).map(|(name, ..)| *name);
    found
        .or_else(|| splits_number(theirs).then_some("minus-without-blank"))
        .or_else(|| tells_other_column(ours, theirs).then_some("json-order"))
        .or_else(|| tells_other_order(ours, theirs).then_some("tables-of-a-type"))
}

/// Whether a constant is refused as a tuple in a list or set.
fn refuses_number_in_list(ours: &str) -> bool {
    let of = ours.split_once(" is not of type frozen<tuple<");
    let value = of.and_then(|(of, _)| of.split_once(": value "));
    value.is_some_and(|(of, value)| {
        of.starts_with("Invalid: Invalid ") && !value.contains(['(', '{', '[', '?'])
    })
}

/// Whether a negative number stands right behind an operand, where we subtract.
fn splits_number(theirs: &str) -> bool {
    let input = theirs.split("input '").nth(1);
    let input = input.and_then(|it| it.split('\'').next());
    let Some(number) = input.filter(|it| theirs.starts_with("Syntax: ") && it.starts_with('-'))
    else {
        return false;
    };
    let is_number = number[1..].starts_with(|c: char| c.is_ascii_digit());
    let of_operand = |c: char| c.is_alphanumeric() || "')]}?_\"".contains(c);
    // The excerpt has brackets around the number, or around what stands before it.
    let excerpt: String = theirs.split(" (").skip(1).collect();
    let excerpt = excerpt.replace('[', "");
    let mut before = excerpt.split(number).map(str::trim_end);
    is_number && before.any(|it| it.ends_with(of_operand))
}

/// Whether both find a value of INSERT JSON wrong, in different columns.
fn tells_other_column(ours: &str, theirs: &str) -> bool {
    let told = |answer: &str| {
        let of = answer.strip_prefix("Invalid: Error decoding JSON value for ")?;
        Some(of.split(':').next()?.to_owned())
    };
    told(ours).is_some_and(|ours| told(theirs).is_some_and(|theirs| ours != theirs))
}

/// Whether both name the same tables that a type is in the partition key of, in another order.
fn tells_other_order(ours: &str, theirs: &str) -> bool {
    let told = |answer: &str| {
        let what = " is being used in partition key by the following tables: ";
        let (of, tables) = answer.trim_end().split_once(what)?;
        let mut tables: Vec<String> = tables.split(", ").map(str::to_owned).collect();
        tables.sort_unstable();
        of.starts_with("Invalid: Cannot add new field ")
            .then(|| (of.to_owned(), tables))
    };
    ours != theirs && told(ours).is_some_and(|it| told(theirs) == Some(it))
}
