//! Shorter scripts for what differs: lines are left out as long as the last one still differs.

use crate::judge::generate::report::{Difference, Report};
use crate::judge::generate::{Line, Options, Pair, agree, explain};
use crate::judge::recorded::is_refusal;

/// Shortens the scripts of the differences, as far as the number of tries allows.
pub fn differences(report: &mut Report, options: &Options) {
    let Some(judge) = &options.judge else {
        return;
    };
    let mut tries = options.shrinks;
    let mut found: Vec<&mut Difference> = report.differences.values_mut().collect();
    found.retain(|it| !it.is_of_words());
    found.sort_by_key(|it| std::cmp::Reverse(it.count));
    let each = 15;
    for difference in found {
        let mut left = each.min(tries);
        tries -= left;
        shorten(difference, judge, &mut left);
        tries += left;
    }
}

fn shorten(difference: &mut Difference, judge: &str, tries: &mut usize) {
    let mut script = difference.script.clone();
    // What is refused is so by the schema alone, as a rule.
    if is_refusal(&difference.theirs) || is_refusal(&difference.ours) {
        let last = script.len() - 1;
        let is_schema =
            |line: &Line| line.text.starts_with("CREATE") || line.text.starts_with("ALTER");
        let short: Vec<Line> = script
            .iter()
            .enumerate()
            .filter(|(at, line)| *at == last || is_schema(line))
            .map(|(_, line)| line.clone())
            .collect();
        if let Some(answers) = attempt(&short, difference, judge, tries) {
            script = short;
            (difference.ours, difference.theirs) = answers;
        }
    }
    let mut size = script.len() / 2;
    while size >= 1 && *tries > 0 {
        let mut at = 0;
        while at + 1 < script.len() && *tries > 0 {
            let end = (at + size).min(script.len() - 1);
            let mut short = script.clone();
            short.drain(at..end);
            match attempt(&short, difference, judge, tries) {
                Some(answers) => {
                    script = short;
                    (difference.ours, difference.theirs) = answers;
                }
                None => at = end,
            }
        }
        size /= 2;
    }
    difference.is_shrunk = *tries > 0;
    difference.script = script;
}

/// The answers to the last line, if they still differ in the same way.
fn attempt(
    script: &[Line],
    difference: &Difference,
    judge: &str,
    tries: &mut usize,
) -> Option<(String, String)> {
    if *tries == 0 {
        return None;
    }
    *tries -= 1;
    let mut pair = Pair::open("g_shorter", Some(judge));
    let mut last = (String::new(), None);
    for line in script {
        last = pair.ask(line);
    }
    let (ours, theirs) = (last.0, last.1.unwrap_or_default());
    let is_explained = explain::name(&mut pair, script, &ours, &theirs).is_some();
    pair.close();
    let same_way = is_refusal(&ours) == is_refusal(&difference.ours)
        && is_refusal(&theirs) == is_refusal(&difference.theirs);
    // Where a table is missing both refuse, in the same words.
    let differs = !agree(&ours, &theirs, difference.is_loose) && !is_explained;
    (same_way && differs).then_some((ours, theirs))
}
