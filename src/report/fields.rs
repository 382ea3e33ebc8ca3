//! Field tables as text and as Markdown.

use std::fmt::Write;

use crate::kinds::Kind;
use crate::policy::fields::{ClaimKind, Field, PARTS, Treatment, Values, rows, table};
use crate::policy::{RULES, Rule, quote, quote_all};

/// The treatments in plain words.
const LEGEND: &[(&str, &str)] = &[
    ("free", "concerns only the tenant's own objects"),
    ("judged by …", "these rules read the field"),
    ("only …, by …", "this rule refuses other values"),
    ("claim …", "names something that must be the tenant's own or be granted"),
    ("by key", "each key is judged by itself"),
    ("refused by …", "only the platform or Bulkhead may write it"),
    ("not judged yet", "can weaken the isolation, and no rule reads it"),
];

/// A longer list is in the manual of the rule.
const MAX_LIST_WIDTH: usize = 28;

/// A table with its title.
struct Section {
    title: String,
    rows: Vec<(String, String)>,
}

/// Returns the kinds whose objects rules judge.
pub fn kinds_with_fields() -> impl Iterator<Item = Kind> {
    Kind::ALL.iter().copied().filter(|kind| kind.entry().is_some())
}

/// Returns the tables of the kinds, and the tables that these refer to.
pub fn fields_text(kinds: &[Kind]) -> String {
    let mut text = String::new();
    let mut referred: Vec<&str> = kinds.iter().flat_map(|kind| parts_of(table(*kind))).collect();
    let of_kind = |kind: &Kind| section(title(*kind), table(*kind), |title| format!("see {title} below"));
    let mut sections: Vec<Section> = kinds.iter().map(of_kind).collect();
    for (title, part) in PARTS {
        if referred.contains(title) {
            referred.extend(parts_of(part));
            sections.push(section((*title).to_owned(), part, |title| format!("see {title} below")));
        }
    }
    for Section { title, rows } in sections {
        let width = rows.iter().map(|(path, _)| path.len()).max().unwrap_or_default();
        let _ = writeln!(text, "{title}");
        for (path, words) in rows {
            let _ = writeln!(text, "  {path:<width$}  {words}");
        }
        text.push('\n');
    }
    let width = LEGEND.iter().map(|(words, _)| words.chars().count()).max().unwrap_or_default();
    for (words, meaning) in LEGEND {
        let _ = writeln!(text, "{words:<width$}  {meaning}");
    }
    text
}

/// Returns the tables of all kinds in Markdown.
pub fn fields_markdown() -> String {
    let link = |title: &str| format!("see [{title}](#{})", title.to_lowercase().replace(' ', "-"));
    let of_kinds = kinds_with_fields().map(|kind| section(title(kind), table(kind), link));
    let parts = PARTS.iter().map(|(title, part)| section((*title).to_owned(), part, link));
    let mut text = String::new();
    for Section { title, rows } in of_kinds.chain(parts) {
        let _ = write!(text, "\n## {title}\n\n| field | treatment |\n|---|---|\n");
        for (path, words) in rows {
            let _ = writeln!(text, "| `{path}` | {words} |");
        }
    }
    text.push('\n');
    text
}

/// Returns the line about a field that the cluster serves and no table lists.
pub fn unlisted_field(kind: Kind, path: &str) -> String {
    let kind = kind.name();
    format!(
        "{kind}: the cluster serves {}, a field that Bulkhead does not know and refuses in tenants' namespaces; \
         upgrade Bulkhead, or review the field and list it in the setting `allowedFields.{kind}`.",
        quote(path)
    )
}

fn section(title: String, table: &'static [Field], refer: impl Fn(&str) -> String) -> Section {
    let rows = rows(table, |inner| part(inner).is_some());
    let rows = rows.into_iter().map(|row| (row.path, words(row.treatment, &refer)));
    Section { title, rows: rows.collect() }
}

/// Two kinds can have the same name.
fn title(kind: Kind) -> String {
    format!("{} ({})", kind.name(), kind.api_version())
}

fn words(treatment: Treatment, refer: &impl Fn(&str) -> String) -> String {
    match treatment {
        Treatment::Free => "free".to_owned(),
        Treatment::Judged(codes) => format!("judged by {}", codes.join(", ")),
        Treatment::Claim(kind) => {
            let rules = RULES.iter().filter(|rule| rule.claims() == Some(kind));
            let codes: Vec<&str> = rules.map(Rule::code).collect();
            format!("claim on {}, judged by {}", claimed(kind), codes.join(", "))
        }
        Treatment::Limited(limit) => format!("{}, by {}", allowed(limit.values), limit.code),
        Treatment::Keys => "by key".to_owned(),
        Treatment::Refused(codes) => format!("refused by {}", codes.join(", ")),
        Treatment::Unjudged => "not judged yet".to_owned(),
        Treatment::Table(inner) => part(inner).map_or_else(String::new, refer),
    }
}

fn allowed(values: Values) -> String {
    match values {
        Values::None | Values::Empty => "must be absent".to_owned(),
        Values::False => "only `false`".to_owned(),
        Values::Zero => "only `0`".to_owned(),
        Values::Only(values) => {
            let list = quote_all(values);
            let is_short = list.len() <= MAX_LIST_WIDTH;
            if is_short { format!("only {list}") } else { format!("only {} values", values.len()) }
        }
        Values::OtherThanProxyUser | Values::OtherThanProxyPort => "any but the proxy's".to_owned(),
        Values::OtherThanMeshContainer => "any but Istio's".to_owned(),
        Values::OtherThanSystemPriority => "any but `system-…`".to_owned(),
        Values::OtherThanClusterName => "any but the cluster's".to_owned(),
        Values::NameServer => "servers of the settings".to_owned(),
        Values::Signer => "signers of the settings".to_owned(),
        Values::ResourceClaim => "claims of the settings".to_owned(),
        Values::RuntimeClass => "Ambient: of the settings".to_owned(),
        Values::CsiDriver => "drivers of the settings".to_owned(),
        Values::LoadBalancerClass | Values::ScrapeClass => "classes of the settings".to_owned(),
    }
}

fn claimed(kind: ClaimKind) -> &'static str {
    match kind {
        ClaimKind::RequestHeader => "a request header",
        ClaimKind::KnownHost | ClaimKind::ServedHost | ClaimKind::ReachedHost => "a host",
        ClaimKind::Address | ClaimKind::EndpointAddress => "an address",
        ClaimKind::Gateway => "a gateway",
        ClaimKind::Delegate | ClaimKind::Export => "a namespace",
        ClaimKind::Peer => "a peer",
        ClaimKind::ExternalName => "a host name",
        ClaimKind::Subject => "a subject",
        ClaimKind::KeySource => "a URL",
        ClaimKind::Caller => "a caller",
    }
}

/// Returns the title of a table that is printed by itself. The compiler may copy a table, so that its address does not
/// identify it.
fn part(table: &'static [Field]) -> Option<&'static str> {
    let paths = |table: &'static [Field]| table.iter().map(|field| field.path);
    PARTS.iter().find(|(_, part)| paths(part).eq(paths(table))).map(|(title, _)| *title)
}

/// Returns the titles of the tables that `table` refers to.
fn parts_of(table: &'static [Field]) -> Vec<&'static str> {
    let rows = rows(table, |inner| part(inner).is_some());
    let inner = rows.into_iter().filter_map(|row| match row.treatment {
        Treatment::Table(inner) => part(inner),
        _ => None,
    });
    inner.collect()
}
