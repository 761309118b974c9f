//! Recordings: for each script `NAME.cql` what Cassandra answered, `NAME.out`, and what we answer
//! where that differs for a reason, `NAME.ours`.

use crate::judge::script::{self, Answered};
use crate::judge::side::Side;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// At most so many differences of one script are shown.
const SHOWN_MAX: usize = 100;

/// At most so many lines of an answer are shown.
const LINES_MAX: usize = 12;

/// The folder of the tests' scripts of one sort.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/scripts")
        .join(name)
}

/// The files of a folder with this extension, in order. `HELENUS_SCRIPTS` limits them to those
/// whose name contains one of its words.
pub fn files(name: &str, extension: &str) -> Vec<PathBuf> {
    let wanted = std::env::var("HELENUS_SCRIPTS").unwrap_or_default();
    let words: Vec<&str> = wanted.split_whitespace().collect();
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .filter(|path| words.is_empty() || words.iter().any(|word| stem(path).contains(word)))
        .collect();
    found.sort();
    found
}

/// A file's name without its extension.
pub fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs the script on the server at `address` and writes what it answers.
pub fn record(path: &Path, address: &str) {
    let mut side = Side::at(address, &stem(path));
    let answered = script::run(&read(path), &mut side);
    side.finish();
    let answered = answered.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    std::fs::write(path.with_extension("out"), written(answered.iter())).unwrap();
    let asked = answered.iter().filter(|it| !it.is_directive).count();
    let refused = answered.iter().filter(|it| is_refusal(&it.answer)).count();
    println!("{}: {asked} statements, {refused} refused", stem(path));
}

fn written<'a>(answered: impl Iterator<Item = &'a Answered>) -> String {
    let mut out = String::new();
    for Answered { text, answer, .. } in answered {
        write!(out, "> {text}\n{answer}").unwrap();
    }
    out
}

/// Whether an answer is an error.
pub fn is_refusal(answer: &str) -> bool {
    let Some((class, _)) = answer.split_once(": ") else {
        return false;
    };
    class != "warning" && !class.is_empty() && class.chars().all(|c| c.is_ascii_alphabetic())
}

/// An answer as it is compared: the words of a syntax error are not, nor are the orders of
/// signatures, of columns in common and of a literal's fields in errors, which are those of hashes.
pub fn comparable(answer: &str) -> Cow<'_, str> {
    if answer.starts_with("Syntax: ") {
        return "Syntax\n".into();
    }
    if !is_refusal(answer) {
        return answer.into();
    }
    for head in [
        "(known type signatures: ",
        "(can be matched by following signatures: ",
    ] {
        if let Some((before, rest)) = answer.split_once(head)
            && let Some((list, after)) = rest.rsplit_once(')')
        {
            let mut signatures: Vec<&str> = list.split(", system.").collect();
            signatures[0] = signatures[0].trim_start_matches("system.");
            signatures.sort_unstable();
            return format!("{before}{head}{}){after}", signatures.join(", system.")).into();
        }
    }
    if answer.contains(" ,") || answer.contains('{') {
        return sorted_words(answer).into();
    }
    answer.into()
}

/// The words of an error in rising order.
fn sorted_words(answer: &str) -> String {
    let bare = |c: char| ",(){}'\"".contains(c) || c.is_whitespace();
    let mut words: Vec<&str> = answer.split(bare).filter(|it| !it.is_empty()).collect();
    words.sort_unstable();
    words.join(" ")
}

/// The answers in a recording, one for each of these statements; `Err` where it is not theirs.
pub fn split<'r>(recording: &'r str, texts: &[&str]) -> Result<Vec<&'r str>, String> {
    let mut rest = recording;
    let mut answers = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        let head = format!("> {text}\n");
        rest = rest
            .strip_prefix(head.as_str())
            .ok_or_else(|| format!("the recording is of another script: no `{text}`"))?;
        let end = match texts.get(at + 1) {
            None => rest.len(),
            Some(next) => {
                let next = format!("> {next}\n");
                if rest.starts_with(&next) {
                    0
                } else {
                    rest.find(&format!("\n{next}"))
                        .map(|end| end + 1)
                        .ok_or_else(|| format!("the recording is of another script: no {next}"))?
                }
            }
        };
        let (answer, after) = rest.split_at(end);
        answers.push(answer);
        rest = after;
    }
    match rest {
        "" => Ok(answers),
        rest => Err(format!("the recording goes on: {rest}")),
    }
}

/// Replays a script and compares; answers what differs, and the reasons that it names.
pub fn compare(path: &Path, rewrite: bool) -> (Vec<String>, Vec<String>) {
    let mut side = Side::ours(&stem(path));
    let answered = script::run(&read(path), &mut side);
    side.finish();
    let answered = match answered {
        Ok(answered) => answered,
        Err(why) => return (vec![format!("{}: {why}", path.display())], Vec::new()),
    };
    let marked: Vec<&Answered> = answered.iter().filter(|it| it.differs.is_some()).collect();
    let reasons = marked.iter().filter_map(|it| it.differs.clone()).collect();
    let beside = path.with_extension("ours");
    if rewrite {
        match marked.is_empty() {
            true => drop(std::fs::remove_file(&beside)),
            false => std::fs::write(&beside, written(marked.iter().copied())).unwrap(),
        }
    }
    let wrong = match differences(path, &answered, &marked, &beside) {
        Ok(wrong) => wrong,
        Err(why) => vec![format!("{}: {why}", path.display())],
    };
    (wrong, reasons)
}

fn differences(
    path: &Path,
    answered: &[Answered],
    marked: &[&Answered],
    beside: &Path,
) -> Result<Vec<String>, String> {
    let texts = |list: &mut dyn Iterator<Item = &Answered>| -> Vec<String> {
        list.map(|it| it.text.clone()).collect()
    };
    let all = texts(&mut answered.iter());
    let recording = std::fs::read_to_string(path.with_extension("out"))
        .map_err(|_| "is not recorded: tools/judge record".to_owned())?;
    let theirs = split(
        &recording,
        &all.iter().map(String::as_str).collect::<Vec<_>>(),
    )?;
    let ours = std::fs::read_to_string(beside).unwrap_or_default();
    let kept_texts = texts(&mut marked.iter().copied());
    let kept = split(
        &ours,
        &kept_texts.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .map_err(|why| format!("{}: {why}; HELENUS_REWRITE=1 writes it", beside.display()))?;
    let mut kept = kept.into_iter();
    let mut wrong = Vec::new();
    for (it, theirs) in answered.iter().zip(theirs) {
        let same = comparable(&it.answer) == comparable(theirs);
        let expected = match &it.differs {
            None if same => continue,
            None => theirs,
            Some(slug) => {
                let kept = kept.next().unwrap_or_default();
                if same {
                    wrong.push(format!("> {}\n  differs no more ({slug})", it.text));
                    continue;
                }
                if kept == it.answer {
                    continue;
                }
                kept
            }
        };
        wrong.push(format!("> {}\n{}", it.text, contrast(expected, &it.answer)));
    }
    if wrong.is_empty() {
        return Ok(wrong);
    }
    let left = wrong.len().saturating_sub(SHOWN_MAX);
    let head = format!("\n===== {}: {} differences", stem(path), wrong.len());
    wrong.truncate(SHOWN_MAX);
    wrong.insert(0, head);
    if left > 0 {
        wrong.push(format!("... and {left} more"));
    }
    Ok(wrong)
}

/// Expected and answered lines, marked `-` and `+`; those that are equal at both ends of a long
/// answer are left out.
pub fn contrast(expected: &str, answered: &str) -> String {
    let expected: Vec<&str> = expected.lines().collect();
    let answered: Vec<&str> = answered.lines().collect();
    let shorter = expected.len().min(answered.len());
    let both = || expected.iter().zip(&answered);
    let same_first = both().take_while(|(a, b)| a == b).count();
    let from_end = || expected.iter().rev().zip(answered.iter().rev());
    let same_last = from_end().take_while(|(a, b)| a == b).count();
    let same_last = same_last.min(shorter - same_first);
    let mut out = String::new();
    let mut put = |mark: &str, lines: &[&str]| {
        for line in lines.iter().take(LINES_MAX) {
            writeln!(out, "  {mark} {line}").unwrap();
        }
        if lines.len() > LINES_MAX {
            writeln!(out, "  {mark} ... {} lines", lines.len()).unwrap();
        }
        if lines.is_empty() {
            writeln!(out, "  {mark} (nothing)").unwrap();
        }
    };
    put(
        "cassandra:",
        &expected[same_first..expected.len() - same_last],
    );
    put(
        "here:     ",
        &answered[same_first..answered.len() - same_last],
    );
    out.trim_end().to_owned()
}

/// The slugs of the table of differences: the first cell of its rows, in backquotes.
pub fn known_differences() -> BTreeSet<String> {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual/cql_differences.md");
    let text = std::fs::read_to_string(manual).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split_once('`'))
        .map(|(slug, _)| slug.to_owned())
        .collect()
}
