//! Prose as sentences: Markdown, doc comments, and plain text.

use std::fs;

use support::documents::files_below;
use support::links::is_fence;
use support::repository;

/// A sentence, or another part of the text: a heading, a cell of a table, a line of code.
#[derive(Debug)]
pub(crate) struct Sentence {
    /// The line of its first word.
    pub(crate) line: usize,
    kind: Kind,
    words: Vec<Word>,
}

#[derive(Debug)]
struct Word {
    line: usize,
    text: String,
    /// True if it is, or has, inline code.
    is_code: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Prose,
    Heading,
    /// A line of a code block.
    Code,
}

/// A doc comment: consecutive lines that begin with `///` or `//!`.
pub(crate) struct DocComment {
    pub(crate) line: usize,
    /// The lines without these signs.
    pub(crate) text: String,
}

impl Sentence {
    pub(crate) fn text(&self) -> String {
        self.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// The line of `phrase`, if the sentence has it as whole words outside of inline code, and the word after it.
    pub(crate) fn find(&self, phrase: &str) -> Option<(usize, String)> {
        let phrase: Vec<&str> = phrase.split(' ').collect();
        let words: Vec<String> = self.words.iter().map(Word::plain).collect();
        let at = words.windows(phrase.len()).position(|window| window == phrase)?;
        Some((self.words[at].line, words.get(at + phrase.len()).cloned().unwrap_or_default()))
    }

    /// The first word as it is written; empty in headings and code blocks.
    pub(crate) fn first_word(&self) -> &str {
        let first = self.words.iter().find(|word| word.is_code || !word.plain().is_empty());
        first.filter(|_| self.kind == Kind::Prose).map_or("", |word| trimmed(&word.text))
    }

    pub(crate) fn is_question(&self) -> bool {
        self.words.last().is_some_and(|word| word.text.trim_end_matches(CLOSING).ends_with('?'))
    }
}

impl Word {
    /// In lower case, without the punctuation around it; empty for code.
    fn plain(&self) -> String {
        if self.is_code { String::new() } else { trimmed(&self.text).to_lowercase().replace('’', "'") }
    }
}

fn trimmed(word: &str) -> &str {
    word.trim_matches(|letter: char| !letter.is_alphanumeric())
}

/// Signs that may follow the end of a sentence.
const CLOSING: [char; 6] = ['*', '_', ')', '"', '\'', ']'];

/// The sentences of a Markdown text whose first line is `first`.
pub(crate) fn markdown(text: &str, first: usize) -> Vec<Sentence> {
    let mut reader = Reader::default();
    let mut is_code = false;
    for (number, line) in (first..).zip(text.lines()) {
        let line = line.trim_start().trim_start_matches("> ");
        if is_fence(line) {
            reader.end();
            is_code = !is_code;
        } else if is_code {
            reader.whole(number, line, Kind::Code);
        } else if line.is_empty() || line.starts_with("<!--") {
            reader.end();
        } else if line.starts_with('#') {
            reader.whole(number, line, Kind::Heading);
        } else if line.starts_with('|') {
            line.split('|').for_each(|cell| reader.whole(number, cell, Kind::Prose));
        } else {
            let item = without_bullet(line);
            if item.len() < line.len() {
                reader.end();
            }
            reader.add(number, item);
        }
    }
    reader.end();
    reader.sentences
}

/// The sentences of a text in which a sentence ends with its line.
pub(crate) fn lines(text: &str) -> Vec<Sentence> {
    let mut reader = Reader::default();
    (1..).zip(text.lines()).for_each(|(number, line)| reader.whole(number, line, Kind::Prose));
    reader.sentences
}

/// The doc comments of a Rust source.
pub(crate) fn doc_comments(source: &str) -> Vec<DocComment> {
    let mut comments: Vec<DocComment> = Vec::new();
    let mut next = 0;
    for (number, line) in (1..).zip(source.lines()) {
        let line = line.trim_start();
        let comment = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        let Some(text) = comment.filter(|text| !text.starts_with('/')) else { continue };
        let text = text.strip_prefix(' ').unwrap_or(text);
        match comments.last_mut().filter(|_| number == next) {
            Some(last) => last.text.extend(["\n", text]),
            None => comments.push(DocComment { line: number, text: text.to_owned() }),
        }
        next = number + 1;
    }
    comments
}

/// The paths and the texts of the Rust sources below these folders.
pub(crate) fn rust_sources(folders: &[&str]) -> Vec<(String, String)> {
    let paths = folders.iter().flat_map(|folder| files_below(folder, "rs"));
    paths.map(|path| (path.clone(), fs::read_to_string(repository(&path)).unwrap())).collect()
}

fn without_bullet(line: &str) -> &str {
    let bullets = ["* ", "- ", "+ "].into_iter().find_map(|bullet| line.strip_prefix(bullet));
    let number = || {
        let rest = line.trim_start_matches(|digit: char| digit.is_ascii_digit());
        rest.strip_prefix(". ").filter(|_| rest.len() < line.len())
    };
    bullets.or_else(number).unwrap_or(line)
}

/// Collects the words of a paragraph, and cuts them into sentences.
#[derive(Default)]
struct Reader {
    sentences: Vec<Sentence>,
    words: Vec<Word>,
    /// The backticks that the inline code began with, if the last line ended in one.
    code: String,
}

impl Reader {
    /// Adds a line that does not continue the line before, nor continues in the next.
    fn whole(&mut self, line: usize, text: &str, kind: Kind) {
        self.end();
        self.add(line, text);
        self.cut(kind);
    }

    fn add(&mut self, line: usize, text: &str) {
        for text in text.split_whitespace() {
            let mut is_code = !self.code.is_empty();
            let mut rest = text;
            while let Some(at) = rest.find('`') {
                let after = rest[at..].trim_start_matches('`');
                let ticks = &rest[at..rest.len() - after.len()];
                is_code = true;
                if self.code.is_empty() {
                    ticks.clone_into(&mut self.code);
                } else if self.code == ticks {
                    self.code.clear();
                }
                rest = after;
            }
            self.words.push(Word { line, text: text.to_owned(), is_code });
        }
    }

    fn end(&mut self) {
        self.cut(Kind::Prose);
    }

    fn cut(&mut self, kind: Kind) {
        self.code.clear();
        let is_end = |word: &Word| word.text.trim_end_matches(CLOSING).ends_with(['.', '?', '!']);
        let words = std::mem::take(&mut self.words);
        let mut sentence = Vec::new();
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let ends = words.peek().is_none() || (is_end(&word) && kind == Kind::Prose);
            sentence.push(word);
            if ends {
                let words = std::mem::take(&mut sentence);
                self.sentences.push(Sentence { line: words[0].line, kind, words });
            }
        }
    }
}
