//! JSON text → [`Json`]: one pass over the characters, with a bound on everything.
//!
//! What is said of broken text depends on where the reader is, so it goes as Cassandra's reader
//! goes: it looks for a comma before it looks at what comes, finishes a word before it says that it
//! does not know it, and the first name of an inner object is read by another path than the rest.

use crate::cql::json::fail::{Malformed, Place, describe};
use crate::cql::json::value::{Entries, Json};
use crate::limits::{JSON_NESTING_MAX, JSON_VALUES_MAX};
use crate::types::number::parse_varint;

type Read<T> = Result<T, Malformed>;

const MAP: &str = "`java.util.LinkedHashMap<java.lang.Object,java.lang.Object>`";
const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
const COMMENT: &str = "maybe a (non-standard) comment? (not recognized as one since Feature \
                       'ALLOW_COMMENTS' not enabled for parser)";
/// The longest word that a message shows.
const TOKEN_UNITS_MAX: usize = 256;

/// Reads the JSON value that `text` begins with.
pub fn parse(text: &str) -> Read<Json> {
    let mut parser = Parser::new(text);
    let first = parser.first()?;
    parser.value(first, Within::Root, Words::Valid)
}

/// Reads the JSON object that `text` begins with; none where it is `null`.
pub fn parse_object(text: &str) -> Read<Option<Vec<(String, Json)>>> {
    let mut parser = Parser::new(text);
    let first = parser.first()?;
    let place = Place::of(text, parser.at - first.len_utf8());
    let found = match first {
        '{' => return parser.object(Words::Valid).map(Some),
        // What an array has within is not looked at.
        '[' => Json::Array(Vec::new()),
        first => parser.value(first, Within::Root, Words::Valid)?,
    };
    let of = |kind: &str, token: &str| {
        let what = format!(
            "Cannot deserialize value of type {MAP} from {kind} value (token `JsonToken.{token}`)"
        );
        Malformed::mismatch(&what, text, place)
    };
    Err(match found {
        Json::Null => return Ok(None),
        Json::Array(_) | Json::Object(_) => of("Array", "START_ARRAY"),
        Json::Boolean(true) => of("Boolean", "VALUE_TRUE"),
        Json::Boolean(false) => of("Boolean", "VALUE_FALSE"),
        Json::Integer(_) | Json::BigInteger(_) => of("Integer", "VALUE_NUMBER_INT"),
        Json::Double(_) => of("Floating-point", "VALUE_NUMBER_FLOAT"),
        Json::String(value) if value.trim().is_empty() => Malformed::blank(
            &format!(
                "Cannot coerce empty String (\"\") to element of {MAP} (but could if coercion was \
                 enabled using `CoercionConfig`)"
            ),
            text,
            place,
        ),
        Json::String(value) => Malformed::mismatch(
            &format!(
                "Cannot construct instance of `java.util.LinkedHashMap` (although at least one \
                 Creator exists): no String-argument constructor/factory method to deserialize \
                 from String value ('{value}')"
            ),
            text,
            place,
        ),
    })
}

/// What a value stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Root,
    Array,
    Object,
}

impl Within {
    fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Array => "Array",
            Self::Object => "Object",
        }
    }
}

/// How a `}` in place of a value is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    Short,
    Valid,
}

struct Parser<'a> {
    text: &'a str,
    /// The first byte that is not read.
    at: usize,
    depth: usize,
    values: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            values: 0,
        }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// The place behind `c`, which was read last.
    fn behind(&self, c: char) -> Place {
        Place::of(self.text, self.at - c.len_utf8()).next()
    }

    fn here(&self) -> Place {
        Place::of(self.text, self.at)
    }

    fn grammar(&self, what: &str, place: Place) -> Malformed {
        Malformed::grammar(what, self.text, place)
    }

    fn end(&self, what: &str) -> Malformed {
        Malformed::end(what, self.text)
    }

    fn unexpected(&self, c: char, why: &str) -> Malformed {
        let what = format!("Unexpected character ({}): {why}", describe(c));
        self.grammar(&what, self.behind(c))
    }

    fn unexpected_in_number(&self, c: char, why: &str, place: Place) -> Malformed {
        let what = format!(
            "Unexpected character ({}) in numeric value: {why}",
            describe(c)
        );
        self.grammar(&what, place)
    }

    /// Reads the next character that is no white space.
    fn next_visible(&mut self) -> Read<Option<char>> {
        loop {
            match self.next() {
                None => return Ok(None),
                Some(' ' | '\t' | '\r' | '\n') => {}
                Some('/') => return Err(self.unexpected('/', COMMENT)),
                Some(c) if c < ' ' => {
                    let what = format!(
                        "Illegal character ({}): only regular white space (\\r, \\n, \\t) is \
                         allowed between tokens",
                        describe(c)
                    );
                    return Err(self.grammar(&what, self.behind(c)));
                }
                Some(c) => return Ok(Some(c)),
            }
        }
    }

    /// The first character of the text's value.
    fn first(&mut self) -> Read<char> {
        let first = self.next_visible()?.ok_or_else(|| {
            Malformed::mismatch(
                "No content to map due to end-of-input",
                self.text,
                Place::NONE,
            )
        })?;
        if matches!(first, ']' | '}') {
            return Err(self.close_marker(first, Within::Root, None));
        }
        Ok(first)
    }

    fn close_marker(&self, found: char, within: Within, start: Option<usize>) -> Malformed {
        let wanted = if found == ']' { '}' } else { ']' };
        let what = format!(
            "Unexpected close marker '{found}': expected '{wanted}' (for {} starting at {})",
            within.name(),
            start
                .map_or(Place::NONE, |at| Place::of(self.text, at))
                .show(self.text)
        );
        self.grammar(&what, self.behind(found))
    }

    /// Reads the rest of the value that begins with `first`.
    fn value(&mut self, first: char, within: Within, words: Words) -> Read<Json> {
        self.values += 1;
        if self.values > JSON_VALUES_MAX {
            let what = format!("More than {JSON_VALUES_MAX} values");
            return Err(Malformed::limit(&what, self.text, self.here()));
        }
        match first {
            '"' => Ok(Json::String(self.string("string value")?)),
            '[' => Ok(Json::Array(self.nested(Self::array)?)),
            '{' => Ok(Json::Object(self.nested(|it| it.object(Words::Short))?)),
            't' => self.word("true", 1, Json::Boolean(true)),
            'f' => self.word("false", 1, Json::Boolean(false)),
            'n' => self.word("null", 1, Json::Null),
            '-' | '0'..='9' => self.number(first, within),
            '}' if words == Words::Short => Err(self.unexpected('}', "expected a value")),
            first => Err(self.odd(first)),
        }
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        self.depth += 1;
        if self.depth > JSON_NESTING_MAX {
            let what = format!("Nested deeper than {JSON_NESTING_MAX} levels");
            return Err(Malformed::limit(&what, self.text, self.here()));
        }
        let found = read(self)?;
        self.depth -= 1;
        Ok(found)
    }

    /// What begins no value.
    fn odd(&mut self, first: char) -> Malformed {
        match first {
            'N' => return self.non_standard("NaN", 1),
            'I' => return self.non_standard("Infinity", 1),
            '+' => {
                return match self.next() {
                    Some(c) => self.no_digits(c, false),
                    None => self.end(" in a Number value"),
                };
            }
            _ => {}
        }
        if starts_identifier(first) {
            return self.unknown_word(first.to_string());
        }
        self.unexpected(first, &format!("expected a valid value {VALUES}"))
    }

    fn non_standard(&mut self, word: &str, matched: usize) -> Malformed {
        if let Err(malformed) = self.word(word, matched, Json::Null) {
            return malformed;
        }
        let what = format!(
            "Non-standard token '{word}': enable JsonParser.Feature.ALLOW_NON_NUMERIC_NUMBERS to \
             allow"
        );
        self.grammar(&what, self.here())
    }

    /// The rest of a word of which `matched` characters are read.
    fn word(&mut self, word: &str, matched: usize, meaning: Json) -> Read<Json> {
        for (at, wanted) in word.char_indices().skip(matched) {
            if self.peek() != Some(wanted) {
                let read = word.get(..at).unwrap_or_default().to_owned();
                return Err(self.unknown_word(read));
            }
            self.at += wanted.len_utf8();
        }
        match self.peek() {
            Some(c) if c >= '0' && continues_identifier(c) => {
                Err(self.unknown_word(word.to_owned()))
            }
            _ => Ok(meaning),
        }
    }

    /// A word that means nothing and begins with `word`.
    fn unknown_word(&mut self, mut word: String) -> Malformed {
        let mut units = word.len();
        while let Some(c) = self.peek()
            && continues_identifier(c)
        {
            self.at += c.len_utf8();
            word.push(c);
            units += 1;
            if units >= TOKEN_UNITS_MAX {
                word.push_str("...");
                break;
            }
        }
        let what = format!("Unrecognized token '{word}': was expecting {VALUES}");
        self.grammar(&what, self.here())
    }

    fn array(&mut self) -> Read<Vec<Json>> {
        let start = self.at - 1;
        let mut items = Vec::new();
        loop {
            let mut next = self.in_container(Within::Array, start)?;
            if next == ']' {
                return Ok(items);
            }
            if next == '}' {
                return Err(self.close_marker('}', Within::Array, Some(start)));
            }
            if !items.is_empty() {
                next = self.comma(next, Within::Array)?;
            }
            items.push(self.value(next, Within::Array, Words::Short)?);
        }
    }

    /// The next character in a container that is not closed yet.
    fn in_container(&mut self, within: Within, start: usize) -> Read<char> {
        self.next_visible()?.ok_or_else(|| {
            let what = format!(
                ": expected close marker for {} (start marker at {})",
                within.name(),
                Place::of(self.text, start).show(self.text)
            );
            self.end(&what)
        })
    }

    /// What comes behind a comma, which `found` must be.
    fn comma(&mut self, found: char, within: Within) -> Read<char> {
        let name = within.name();
        if found != ',' {
            let why = format!("was expecting comma to separate {name} entries");
            return Err(self.unexpected(found, &why));
        }
        self.next_visible()?.ok_or_else(|| {
            let what = format!("Unexpected end-of-input within/between {name} entries");
            self.grammar(&what, self.here())
        })
    }

    fn object(&mut self, first_words: Words) -> Read<Vec<(String, Json)>> {
        let start = self.at - 1;
        let mut entries = Entries::default();
        let mut words = first_words;
        let mut first = true;
        loop {
            let mut next = self.in_container(Within::Object, start)?;
            if next == '}' {
                return Ok(entries.into_vec());
            }
            if next == ']' {
                return Err(self.close_marker(']', Within::Object, Some(start)));
            }
            if !std::mem::take(&mut first) {
                next = self.comma(next, Within::Object)?;
            }
            if next != '"' {
                return Err(self.unexpected(next, "was expecting double-quote to start field name"));
            }
            let name = self.string("name")?;
            let next = self.colon()?;
            let value = self.value(next, Within::Object, words)?;
            words = Words::Valid;
            entries.put(name, value);
        }
    }

    /// What comes behind a colon.
    fn colon(&mut self) -> Read<char> {
        let mut seen = false;
        loop {
            match self.next_visible()? {
                None => return Err(self.end(" within/between Object entries")),
                Some(c) if seen => return Ok(c),
                Some(':') => seen = true,
                Some(c) => {
                    let why = "was expecting a colon to separate field name and value";
                    return Err(self.unexpected(c, why));
                }
            }
        }
    }

    /// The rest of a string, or of a name.
    fn string(&mut self, what: &str) -> Read<String> {
        let mut out = String::new();
        let mut high = None;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let plain = rest.find(|c| matches!(c, '"' | '\\') || c < ' ');
            let (plain, stop) = rest.split_at(plain.unwrap_or(rest.len()));
            if !plain.is_empty() {
                lone(&mut high, &mut out);
                out.push_str(plain);
                self.at += plain.len();
            }
            let Some(c) = stop.chars().next() else {
                return Err(self.end(match what {
                    "name" => " in field name",
                    _ => ": was expecting closing quote for a string value",
                }));
            };
            self.at += 1;
            match c {
                '"' => {
                    lone(&mut high, &mut out);
                    return Ok(out);
                }
                '\\' => {
                    let unit = self.escape()?;
                    push_unit(unit, &mut high, &mut out);
                }
                c => {
                    let message = format!(
                        "Illegal unquoted character ({}): has to be escaped using backslash to be \
                         included in {what}",
                        describe(c)
                    );
                    return Err(self.grammar(&message, self.behind(c)));
                }
            }
        }
    }

    /// The UTF-16 unit that an escape stands for.
    fn escape(&mut self) -> Read<u16> {
        let early = " in character escape sequence";
        let c = self.next().ok_or_else(|| self.end(early))?;
        Ok(match c {
            'b' => 8,
            't' => 9,
            'n' => 10,
            'f' => 12,
            'r' => 13,
            '"' | '/' | '\\' => c as u16,
            'u' => {
                let mut unit = 0;
                for _ in 0..4 {
                    let c = self.next().ok_or_else(|| self.end(early))?;
                    let digit = c.to_digit(16).ok_or_else(|| {
                        self.unexpected(c, "expected a hex-digit for character escape sequence")
                    })?;
                    unit = unit << 4 | digit as u16;
                }
                unit
            }
            c => {
                let what = format!("Unrecognized character escape {}", describe(c));
                return Err(self.grammar(&what, self.behind(c)));
            }
        })
    }

    /// What follows a sign that no digit follows.
    fn no_digits(&mut self, c: char, negative: bool) -> Malformed {
        let sign = if negative { '-' } else { '+' };
        if c == 'I' {
            match self.next() {
                None => return self.end(" in a Number value"),
                Some('N') => return self.non_standard(&format!("{sign}INF"), 3),
                Some('n') => return self.non_standard(&format!("{sign}Infinity"), 3),
                Some(c) => return self.no_digits(c, negative),
            }
        }
        let why = "expected digit (0-9) to follow minus sign, for valid numeric value";
        self.unexpected_in_number(c, why, self.behind(c))
    }

    /// The rest of a number.
    fn number(&mut self, first: char, within: Within) -> Read<Json> {
        let start = self.at - 1;
        let mut lead = first;
        if first == '-' {
            lead = match self.next() {
                None => return Err(self.end("No digit following minus sign")),
                Some(c @ '0'..='9') => c,
                Some(c) => return Err(self.no_digits(c, true)),
            };
        }
        if lead == '0' && self.peek().is_some_and(|c| c.is_ascii_digit()) {
            let what = "Invalid numeric value: Leading zeroes not allowed";
            return Err(self.grammar(what, self.here()));
        }
        self.digits();
        let mut whole = true;
        // Where a wrong digit is said to be: behind the first thing that is no digit, but with a
        // zero in front where it is.
        let mut place = None;
        if self.peek() == Some('.') {
            self.at += 1;
            whole = false;
            place = (lead != '0').then_some(self.at);
            if self.digits() == 0 {
                let why = "Decimal point not followed by a digit";
                return Err(self.no_digit_after('.', why, place));
            }
        }
        if let Some(e @ ('e' | 'E')) = self.peek() {
            self.at += 1;
            if whole {
                place = (lead != '0').then_some(self.at);
            }
            whole = false;
            let mut last = self.peek();
            if matches!(last, Some('+' | '-')) {
                self.at += 1;
                last = self.peek();
            }
            if last.is_none() {
                return Err(self.end("expected a digit for number exponent"));
            }
            if self.digits() == 0 {
                let why = "Exponent indicator not followed by a digit";
                return Err(self.no_digit_after(e, why, place));
            }
        }
        if let Some(c) = self.peek()
            && within == Within::Root
            && !matches!(c, ' ' | '\t' | '\r' | '\n')
        {
            self.at += c.len_utf8();
            return Err(self.unexpected(c, "Expected space separating root-level values"));
        }
        self.meaning(start, whole)
    }

    fn no_digit_after(&mut self, last: char, why: &str, place: Option<usize>) -> Malformed {
        match self.next() {
            Some(c) => {
                let place = place.map(|at| Place::of(self.text, at));
                self.unexpected_in_number(c, why, place.unwrap_or_else(|| self.behind(c)))
            }
            None => self.unexpected_in_number(last, why, self.here()),
        }
    }

    /// Reads digits, and says how many.
    fn digits(&mut self) -> usize {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn meaning(&self, start: usize, whole: bool) -> Read<Json> {
        let digits = self.text.get(start..self.at).unwrap_or_default();
        if !whole {
            return Ok(Json::Double(digits.parse().unwrap_or(f64::NAN)));
        }
        if let Ok(value) = digits.parse() {
            return Ok(Json::Integer(value));
        }
        parse_varint(digits).map(Json::BigInteger).ok_or_else(|| {
            let what = format!("A number of {} digits is too long", digits.len());
            Malformed::limit(&what, self.text, self.here())
        })
    }
}

/// Adds a UTF-16 unit; half of a character waits for its other half.
fn push_unit(unit: u16, high: &mut Option<u16>, out: &mut String) {
    if let Some(first) = high.take() {
        let pair = char::decode_utf16([first, unit]).next();
        if let Some(Ok(c)) = pair {
            out.push(c);
            return;
        }
        out.push('?');
    }
    match char::decode_utf16([unit]).next() {
        Some(Ok(c)) => out.push(c),
        _ if unit < 0xDC00 => *high = Some(unit),
        _ => out.push('?'),
    }
}

/// Half a character without its other half is a question mark, as Java encodes it.
fn lone(high: &mut Option<u16>, out: &mut String) {
    if high.take().is_some() {
        out.push('?');
    }
}

fn is_currency(c: char) -> bool {
    matches!(c, '$' | '\u{A2}'..='\u{A5}' | '\u{20A0}'..='\u{20C0}')
}

fn starts_identifier(c: char) -> bool {
    c.len_utf16() == 1 && (c.is_alphabetic() || c == '_' || is_currency(c))
}

fn continues_identifier(c: char) -> bool {
    let ignorable = matches!(c, '\0'..='\u{8}' | '\u{E}'..='\u{1B}' | '\u{7F}'..='\u{9F}');
    c.len_utf16() == 1 && (c.is_alphanumeric() || c == '_' || is_currency(c) || ignorable)
}
