//! Files that a program writes and the repository keeps: `BLESS=1 cargo test` writes them anew.

use std::path::Path;

/// The file `path` of the repository must hold `text`.
pub(crate) fn compare(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == text, "{path} is not what it should be; `BLESS=1 cargo test` writes:\n{text}");
}

/// The part of the file `path` between `<!-- NAME -->` and `<!-- /NAME -->` must be `text`.
pub(crate) fn compare_part(path: &str, name: &str, text: &str) {
    let kept = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = kept.split_once(&open).unwrap();
    let (_, after) = rest.split_once(&close).unwrap();
    compare(path, &format!("{before}{open}{text}{close}{after}"));
}
