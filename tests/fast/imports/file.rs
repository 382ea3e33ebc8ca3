//! The `use` items and paths of one file.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

struct Token {
    text: String,
    line: usize,
}

/// A path as the code writes it. It begins with `crate`, or with a name that the file defines or imports.
#[derive(Clone)]
pub(super) struct Reference {
    pub(super) path: Vec<String>,
    pub(super) line: usize,
}

pub(super) struct File {
    /// The path below `src/`.
    pub(super) name: String,
    /// The path of the file's module, such as `crate::policy::rules`.
    pub(super) module: Vec<String>,
    /// The `use` items, with the name that each brings into scope; `*` for all names.
    pub(super) uses: Vec<(String, Reference)>,
    /// The paths in other code, macros included.
    pub(super) paths: Vec<Reference>,
    /// The line that first uses a name, outside `use` items.
    pub(super) names: BTreeMap<String, usize>,
}

/// The tokens of Rust code in one list. Comments are none.
fn tokens(stream: TokenStream) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    let mut is_joint = false;
    for tree in stream {
        let line = tree.span().start().line;
        let was_joint = std::mem::take(&mut is_joint);
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                found.push(Token { text: open.into(), line });
                found.extend(tokens(group.stream()));
                found.push(Token { text: close.into(), line: group.span_close().start().line });
            }
            TokenTree::Punct(punct) => {
                is_joint = punct.spacing() == Spacing::Joint;
                let text = punct.to_string();
                match found.last_mut() {
                    Some(last) if was_joint && last.text == text && [":", "."].contains(&text.as_str()) => {
                        last.text += &text;
                    }
                    _ => found.push(Token { text, line }),
                }
            }
            TokenTree::Ident(ident) => found.push(Token { text: ident.to_string(), line }),
            TokenTree::Literal(_) => found.push(Token { text: "\"".into(), line }),
        }
    }
    found
}

fn is_name(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

/// A path from the crate's root where it begins with `self` or `super`.
fn rooted(module: &[String], path: Vec<String>) -> Vec<String> {
    let mut module = module.to_vec();
    let supers = path.iter().take_while(|part| *part == "super" || *part == "self").count();
    if supers == 0 {
        return path;
    }
    for part in &path[..supers] {
        if part == "super" {
            module.pop();
        }
    }
    module.extend_from_slice(&path[supers..]);
    module
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    /// The path of the file's module.
    module: Vec<String>,
}

impl Parser<'_> {
    fn text(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |token| &token.text)
    }

    /// Skips the tokens from one brace to the one that closes it, and stops there.
    fn skip_block(&mut self) {
        let mut depth = 0;
        loop {
            depth += i32::from(self.text(0) == "{") - i32::from(self.text(0) == "}");
            if depth == 0 {
                return;
            }
            self.at += 1;
        }
    }

    /// Returns the path at the current token, and moves behind it.
    fn path(&mut self) -> Reference {
        let line = self.tokens[self.at].line;
        let mut path = vec![self.text(0).to_owned()];
        self.at += 1;
        while self.text(0) == "::" && is_name(self.text(1)) {
            path.push(self.text(1).to_owned());
            self.at += 2;
        }
        Reference { path, line }
    }

    /// Adds the names that a `use` tree brings into scope; the tree continues `prefix`.
    fn use_tree(&mut self, prefix: &[String], uses: &mut Vec<(String, Reference)>) {
        let mut path = prefix.to_vec();
        let mut line = self.tokens[self.at].line;
        let mut name = "*".to_owned();
        if is_name(self.text(0)) {
            let part = self.path();
            line = part.line;
            let is_prefix = !prefix.is_empty() && part.path == ["self"];
            path.extend(part.path.into_iter().filter(|_| !is_prefix));
            name.clone_from(path.last().unwrap());
            if self.text(0) == "as" {
                self.text(1).clone_into(&mut name);
                self.at += 2;
            }
            if self.text(0) == "::" {
                self.at += 1;
                return self.use_tree(&path, uses);
            }
        } else if self.text(0) == "{" {
            self.at += 1;
            while self.text(0) != "}" {
                self.use_tree(prefix, uses);
                self.at += usize::from(self.text(0) == ",");
            }
            self.at += 1;
            return;
        } else {
            self.at += 1;
        }
        uses.push((name, Reference { path: rooted(&self.module, path), line }));
    }
}

pub(super) fn read(name: &str, text: &str) -> File {
    let tokens = tokens(text.parse().unwrap());
    let module =
        name.trim_end_matches(".rs").trim_end_matches("/mod").split('/').filter(|part| *part != "lib");
    let module: Vec<String> = ["crate"].into_iter().chain(module).map(ToOwned::to_owned).collect();
    let mut parser = Parser { tokens: &tokens, at: 0, module: module.clone() };
    let mut file =
        File { name: name.to_owned(), module, uses: vec![], paths: vec![], names: BTreeMap::new() };
    while parser.at < tokens.len() {
        let before = parser.at.checked_sub(1).map_or("", |at| &tokens[at].text);
        match parser.text(0) {
            "mod" if parser.text(2) == "{" => {
                assert_eq!(parser.text(1), "tests", "{name}: a module inside a file");
                parser.at += 2;
                parser.skip_block();
            }
            "mod" => parser.at += 1,
            "pub" if parser.text(1) == "(" => {
                while parser.text(0) != ")" {
                    parser.at += 1;
                }
            }
            "use" if parser.text(1) != "<" => {
                parser.at += 1;
                parser.use_tree(&[], &mut file.uses);
            }
            text if is_name(text) && !["::", ".", "'", "$"].contains(&before) => {
                let Reference { path, line } = parser.path();
                file.names.entry(path[0].clone()).or_insert(line);
                if path.len() > 1 {
                    file.paths.push(Reference { path: rooted(&parser.module, path), line });
                }
                continue;
            }
            _ => {}
        }
        parser.at += 1;
    }
    file
}
