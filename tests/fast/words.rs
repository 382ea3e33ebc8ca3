//! Plain words: phrases that no user should read, sentences without a noun as subject, refusals without a fix.

use std::fs;

use bulkhead::policy::RULES;
use serde_json::Value;
use support::documents::{documents, files_below};
use support::repository;

use crate::examples::examples;
use crate::prose::{Sentence, doc_comments, lines, markdown, rust_sources};

/// Phrases that are archaic, literary, or a private word for one that Kubernetes has.
const BANNED: &[&str] = &[
    "nobody's",
    "everybody",
    "whoever",
    "lets be",
    "be it",
    "in his stead",
    "hung on",
    "bears",
    "is to be had",
    "put up",
    "is told",
    "is heard",
    "stands",
    "let through",
    "he",
    "his",
];

/// First words of sentences that have no noun as subject, unless they are questions.
const HEADLESS: &[&str] = &["What", "Whose", "Who"];

/// Sentences that may use a banned phrase: the phrase, and the whole sentence.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// First words of doc comments that say nothing about the thing itself, and how many doc comments may have one.
const INTERROGATIVES: &[&str] = &["What", "Whether", "Who", "Whose", "How", "Where"];
const INTERROGATIVES_ALLOWED: usize = 20;

/// A banned phrase, or a headless beginning, in a sentence.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    line: usize,
    phrase: &'static str,
    sentence: String,
}

fn findings(sentences: &[Sentence]) -> Vec<Finding> {
    let mut found = Vec::new();
    for sentence in sentences {
        let mut add = |line, phrase| found.push(Finding { line, phrase, sentence: sentence.text() });
        for phrase in BANNED {
            // "X stands for Y" explains an abbreviation.
            let found = sentence.find(phrase).filter(|(_, next)| *phrase != "stands" || next != "for");
            if let Some((line, _)) = found {
                add(line, *phrase);
            }
        }
        let headless = HEADLESS.iter().find(|word| **word == sentence.first_word());
        if let Some(word) = headless.filter(|_| !sentence.is_question()) {
            add(sentence.line, *word);
        }
    }
    found
}

/// Every text that a user or a contributor reads, by its file.
fn texts() -> Vec<(String, Vec<Sentence>)> {
    let read = |path: &str| fs::read_to_string(repository(path)).unwrap();
    let mut texts = Vec::new();
    for path in documents() {
        texts.push((path.clone(), markdown(&read(&path), 1)));
    }
    for path in files_below("tests/fast/wording", "txt") {
        texts.push((path.clone(), lines(&read(&path))));
    }
    let crds = "deploy/chart/files/crds.yaml";
    texts.push((crds.to_owned(), descriptions(&read(crds))));
    // The manuals of the rules are doc comments.
    for (path, source) in rust_sources(&["src", "tests"]) {
        let comments = doc_comments(&source);
        let sentences = comments.iter().flat_map(|comment| markdown(&comment.text, comment.line));
        texts.push((path, sentences.collect()));
    }
    texts
}

/// The descriptions in CRDs, and the messages of their validations.
fn descriptions(yaml: &str) -> Vec<Sentence> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    match value {
                        Value::String(text) if ["description", "message"].contains(&key.as_str()) => {
                            found.push(text.clone());
                        }
                        _ => collect(value, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap();
    for document in &documents {
        collect(document, &mut found);
    }
    let line = |text: &str| {
        let beginning: String = text.chars().take(20).collect();
        1 + yaml.lines().position(|line| line.contains(&beginning)).unwrap_or_default()
    };
    found.iter().flat_map(|text| markdown(text, line(text))).collect()
}

fn report(failures: &[String], what: &str) {
    assert!(failures.is_empty(), "{} {what}:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn banned_phrases_are_absent() {
    let mut exceptions: Vec<_> = EXCEPTIONS.to_vec();
    let mut failures = Vec::new();
    for (file, sentences) in texts() {
        for Finding { line, phrase, sentence } in findings(&sentences) {
            if EXCEPTIONS.contains(&(phrase, sentence.as_str())) {
                exceptions.retain(|exception| *exception != (phrase, sentence.as_str()));
            } else {
                failures.push(format!("{file}:{line}: `{phrase}` in: {sentence}"));
            }
        }
    }
    report(&failures, "banned phrases");
    assert!(exceptions.is_empty(), "exceptions that nothing needs: {exceptions:?}");
}

#[test]
fn doc_comments_begin_with_a_noun_or_a_verb() {
    let mut failures = Vec::new();
    for (file, source) in rust_sources(&["src", "tests", "benches", "examples"]) {
        for comment in doc_comments(&source) {
            let first = comment.text.split_whitespace().next().unwrap_or_default();
            if INTERROGATIVES.contains(&first) {
                let line = comment.text.lines().next().unwrap_or_default();
                failures.push(format!("{file}:{}: {line}", comment.line));
            }
        }
    }
    if failures.len() > INTERROGATIVES_ALLOWED {
        report(&failures, "doc comments begin with an interrogative");
    }
}

#[test]
fn refusals_have_a_message_and_a_fix() {
    for example in RULES.iter().flat_map(examples) {
        for violation in example.judged().violations {
            let is_said = |text: &str| text.chars().any(char::is_alphabetic);
            assert!(is_said(&violation.message) && is_said(&violation.fix), "{violation:?}");
        }
    }
}

#[test]
fn every_banned_phrase_is_found_with_its_line() {
    for phrase in BANNED {
        let (first, rest) = phrase.split_once(' ').unwrap_or((phrase, ""));
        let text = format!("A line. Some of it, {}\n{rest}, and more.\n\nThe end.", first.to_uppercase());
        let found = findings(&markdown(&text, 7));
        let sentence = &found[0].sentence;
        assert_eq!((found[0].line, found[0].phrase), (7, *phrase), "{text}");
        assert!(sentence.starts_with("Some of it, ") && sentence.ends_with("and more."), "{sentence}");
    }
    for text in ["| a | What a row says. |", "* Who asks.", "1. **Whose** it is.", "A b. What c d."] {
        assert_eq!(findings(&markdown(text, 1)).len(), 1, "{text}");
        let comment = doc_comments(&format!("fn a() {{}}\n/{}/ {text}", "/"));
        assert_eq!(findings(&markdown(&comment[0].text, comment[0].line))[0].line, 2, "{text}");
    }
}

#[test]
fn words_that_only_look_banned_are_not_found() {
    for text in [
        "## What it refuses\n\nA pod.",
        "What does it refuse? Who asks?",
        "The label `everybody`, ``whoever`` and `in his\nstead`.",
        "CA stands for certificate authority.",
        "The history of this theme, the bear's and the let-through.",
        "```yaml\nWhat: it is\n```",
    ] {
        assert_eq!(findings(&markdown(text, 1)), [], "{text}");
    }
}
