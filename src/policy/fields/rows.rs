use super::{Field, Treatment};

/// A row with the path from the object, or from the table that is printed.
#[derive(Clone, Debug)]
pub struct Row {
    pub path: String,
    pub treatment: Treatment,
}

/// Returns the rows of a table. A row that refers to a table is replaced by the rows of that table, unless
/// `is_separate` is true for it.
pub fn rows(table: &'static [Field], is_separate: impl Fn(&'static [Field]) -> bool) -> Vec<Row> {
    let mut found = Vec::new();
    collect(table, "", &is_separate, &mut found);
    found
}

fn collect(
    table: &'static [Field],
    parent: &str,
    is_separate: &impl Fn(&'static [Field]) -> bool,
    found: &mut Vec<Row>,
) {
    for field in table {
        let path = join(parent, field.path);
        match field.treatment {
            Treatment::Table(inner) if !is_separate(inner) => collect(inner, &path, is_separate, found),
            treatment => found.push(Row { path, treatment }),
        }
    }
}

/// Returns the path of a field below `parent`; an empty path is the object itself.
pub fn join(parent: &str, field: &str) -> String {
    match (parent, field) {
        ("", path) | (path, "") => path.to_owned(),
        (parent, field) => format!("{parent}.{field}"),
    }
}
