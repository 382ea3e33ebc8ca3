//! The manual of a rule: the header of its file. The first line, ``# BH301 `missing-sidecar` ``, has code and name.

/// Returns the code and the name in the first line of a rule's file.
pub(super) const fn code_and_name(source: &'static str) -> (&'static str, &'static str) {
    const MARK: usize = "//! # ".len();
    const CODE: usize = "BH301".len();
    const QUOTE: usize = " `".len();
    let (code, rest) = source.split_at(MARK).1.split_at(CODE);
    let rest = rest.split_at(QUOTE).1;
    let (mut end, mut bytes) = (0, rest.as_bytes());
    while let [letter, others @ ..] = bytes
        && *letter != b'`'
    {
        (end, bytes) = (end + 1, others);
    }
    (code, rest.split_at(end).0)
}

/// Returns the manual in the header of a rule's file, as Markdown.
pub(super) fn manual(source: &str) -> String {
    let header = source.lines().map_while(|line| line.strip_prefix("//!"));
    header.fold(String::new(), |manual, line| manual + line.strip_prefix(' ').unwrap_or(line) + "\n")
}

/// Returns the first sentence below a heading of a manual.
pub(super) fn first_sentence(manual: &str, heading: &str) -> String {
    let mut lines = manual.lines().skip_while(|line| line.strip_prefix("## ") != Some(heading)).skip(1);
    let paragraph: Vec<&str> =
        lines.by_ref().skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty()).collect();
    let text = paragraph.join(" ");
    text.split_once(". ").map_or(text.clone(), |(first, _)| format!("{first}."))
}
