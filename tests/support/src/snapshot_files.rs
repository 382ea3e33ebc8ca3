//! Snapshots: files that a program writes and the repository keeps. `BLESS=1 cargo test` writes them again.

use std::fs;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::documents::documents;
use crate::repository;

/// The file `path` of the repository must hold `text`.
#[track_caller]
pub fn compare(path: &str, text: &str) {
    let file = repository(path);
    if is_blessing() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    if kept == text {
        return;
    }
    let (kept, now): (Vec<&str>, Vec<&str>) = (kept.lines().collect(), text.lines().collect());
    let same = kept.iter().zip(&now).take_while(|(kept, now)| kept == now).count();
    let excerpt = |lines: &[&str]| lines.iter().skip(same).take(5).copied().collect::<Vec<_>>().join("\n");
    panic!(
        "{path} differs from line {} on; `BLESS=1 cargo test` writes it again. It has\n{}\nand this run made\n{}",
        same + 1,
        excerpt(&kept),
        excerpt(&now)
    );
}

/// The file `path` must hold a pod of `tenant-acme`, which a dry run in `namespace` printed, with fixed values where each
/// run has others.
#[track_caller]
pub fn compare_pod(path: &str, printed: &str, namespace: &str) {
    let mut pod: Value = serde_json::from_str(printed).unwrap();
    let mut text = printed.replace(namespace, "tenant-acme");
    for (field, fixed) in
        [("uid", "5f0c7f3e-6a52-4f0e-9d3a-0c1b2a3d4e5f"), ("creationTimestamp", "2026-11-21T12:00:00Z")]
    {
        text = text.replace(pod["metadata"][field].as_str().unwrap(), fixed);
    }
    pod = serde_json::from_str(&text).unwrap();
    for fields in pod["metadata"]["managedFields"].as_array_mut().unwrap() {
        fields["time"] = json!("2026-11-21T12:00:00Z");
    }
    compare(path, &(serde_json::to_string_pretty(&pod).unwrap() + "\n"));
}

/// The part between `<!-- NAME -->` and `<!-- /NAME -->` of the one document that has it must be `text`.
#[track_caller]
pub fn compare_part(name: &str, text: &str) {
    // Parts of one document are written one after another.
    static WRITING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let documents = documents().into_iter().filter_map(|path| {
        let kept = fs::read_to_string(repository(&path)).unwrap();
        let (before, rest) = kept.split_once(&open)?;
        let (_, after) = rest.split_once(&close).unwrap_or_else(|| panic!("{path}: no {close}"));
        let written = format!("{before}{open}{text}{close}{after}");
        Some((path, written))
    });
    let documents: Vec<(String, String)> = documents.collect();
    let [(path, written)] = documents.as_slice() else {
        panic!("{} documents have a part {}, not one", documents.len(), open.trim())
    };
    compare(path, written);
}

/// True if this run writes the snapshots.
pub fn is_blessing() -> bool {
    std::env::var_os("BLESS").is_some()
}
