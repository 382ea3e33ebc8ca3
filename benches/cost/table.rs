//! Tables in Markdown.

use crate::variant::Variant;

/// A table with a title above it.
pub(crate) struct Table {
    lines: Vec<String>,
}

/// A figure that has an aim.
pub(crate) struct Aim {
    pub(crate) figure: String,
    pub(crate) variant: Variant,
    pub(crate) found: String,
    pub(crate) target: &'static str,
}

impl Table {
    pub(crate) fn new(title: &str, columns: &[&str]) -> Self {
        let rule = vec!["---"; columns.len()];
        Self { lines: vec![format!("{title}:"), String::new(), line(columns), line(&rule)] }
    }

    pub(crate) fn row(&mut self, cells: &[String]) {
        self.lines.push(line(cells));
    }

    pub(crate) fn print(&self) {
        println!("{}\n", self.lines.join("\n"));
    }
}

/// Prints the figures that have an aim.
pub(crate) fn print_aims(aims: &[Aim]) {
    let mut table = Table::new("Aims", &["figure", "binary", "median (quartiles)", "aim"]);
    for aim in aims {
        table.row(&[
            aim.figure.clone(),
            aim.variant.title().to_owned(),
            aim.found.clone(),
            aim.target.to_owned(),
        ]);
    }
    table.print();
}

fn line<S: AsRef<str>>(cells: &[S]) -> String {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {} |", cells.join(" | "))
}
