//! Writes the sources of the book into an empty folder: `cargo run --example book -- FOLDER`. `scripts/book` renders them.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).context("give the folder")?);
    for (place, text) in support::book::book() {
        let file = folder.join(place);
        fs::create_dir_all(file.parent().context("a file is in a folder")?)?;
        fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}
