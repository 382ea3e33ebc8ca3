use super::ClaimKind;
use super::limit::{Limit, Values};

/// A row of a table: a field with all fields below it.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The path: `spec.hosts[]` for each item of a list, `spec.set{}` for each value of a map. Empty for the object
    /// itself.
    pub path: &'static str,
    pub treatment: Treatment,
}

/// The treatment of a field.
#[derive(Clone, Copy, Debug)]
pub enum Treatment {
    /// The field concerns only the tenant's own objects.
    Free,
    /// Rules with these codes judge the field.
    Judged(&'static [&'static str]),
    /// The field names something, which must be the tenant's own or be granted. On a map, each key is the name.
    Claim(ClaimKind),
    /// The field may have some values only.
    Limited(Limit),
    /// Each key is judged by the table of labels and annotations.
    Keys,
    /// The whole object must equal one of the baseline, or only the platform may write it.
    Refused(&'static [&'static str]),
    /// The field can weaken the isolation, and no rule judges it yet.
    Unjudged,
    /// The fields below are those of another table.
    Table(&'static [Field]),
}

pub(super) const fn free(path: &'static str) -> Field {
    Field { path, treatment: Treatment::Free }
}

pub(super) const fn judged(path: &'static str, codes: &'static [&'static str]) -> Field {
    Field { path, treatment: Treatment::Judged(codes) }
}

pub(super) const fn claim(path: &'static str, kind: ClaimKind) -> Field {
    Field { path, treatment: Treatment::Claim(kind) }
}

/// A field that may have these values only: any other `effect`.
pub(super) const fn limited(
    path: &'static str,
    code: &'static str,
    values: Values,
    effect: &'static str,
) -> Field {
    Field { path, treatment: Treatment::Limited(Limit { code, values, effect }) }
}

pub(super) const fn keys(path: &'static str) -> Field {
    Field { path, treatment: Treatment::Keys }
}

pub(super) const fn refused(path: &'static str, codes: &'static [&'static str]) -> Field {
    Field { path, treatment: Treatment::Refused(codes) }
}

pub(super) const fn unjudged(path: &'static str) -> Field {
    Field { path, treatment: Treatment::Unjudged }
}

pub(super) const fn fields(path: &'static str, table: &'static [Field]) -> Field {
    Field { path, treatment: Treatment::Table(table) }
}
