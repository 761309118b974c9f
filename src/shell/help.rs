//! HELP: a page a topic, kept as text beside the code.

use crate::error::{Error, Result};
use crate::shell::hint::nearest;

/// The pages: each begins with a line `## TOPIC[, OTHER NAME…]`; what stands before the first is
/// the page of HELP alone.
const PAGES: &str = include_str!("help.txt");

/// The page about `topic` (upper case); without one, the first page.
pub fn text(topic: &str) -> Result<&'static str> {
    let mut pages = PAGES.split("\n## ");
    let first = pages.next().unwrap_or_default();
    if topic.is_empty() {
        return Ok(first);
    }
    for page in pages {
        let (names, text) = page.split_once('\n').unwrap_or((page, ""));
        if names.split(", ").any(|name| name == topic) {
            return Ok(text);
        }
    }
    let error = Error::invalid(format!("there is no help about {topic}"));
    Err(match nearest(topic, topics().into_iter()) {
        Some(near) => error.with_hint(format!("Did you mean HELP {near}?")),
        None => error.with_hint("HELP lists the topics."),
    })
}

/// All topics, by all of their names.
pub fn topics() -> Vec<&'static str> {
    PAGES
        .split("\n## ")
        .skip(1)
        .filter_map(|page| page.lines().next())
        .flat_map(|names| names.split(", "))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::words::{COMMANDS, STATEMENTS};

    #[test]
    fn every_word_that_starts_a_line_has_a_page() {
        for word in STATEMENTS.iter().chain(COMMANDS) {
            let known = topics()
                .iter()
                .any(|topic| topic.split(' ').next() == Some(word));
            assert!(known, "no help about {word}");
        }
        assert!(text("").unwrap().contains("HELP"));
    }

    #[test]
    fn pages_fit_a_narrow_screen_and_topics_are_listed() {
        for line in PAGES.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
        for topic in topics() {
            assert!(!text(topic).unwrap().trim().is_empty(), "{topic}");
        }
    }

    #[test]
    fn an_unknown_topic_gets_the_nearest() {
        let error = text("SELETC").unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("Did you mean HELP SELECT?"));
    }
}
