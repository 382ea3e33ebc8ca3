use std::fmt;

use arrayvec::ArrayVec;

/// The path from an object's root to one of its fields. It is rendered only for violations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path<'a>(ArrayVec<Segment<'a>, MAX_DEPTH>);

/// Maximum number of segments. The deepest field that a rule names is a container's field in a `CronJob`.
const MAX_DEPTH: usize = 14;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Segment<'a> {
    Field(&'a str),
    Key(&'a str),
    Index(usize),
    /// Placeholder for the end of a path that is too long.
    Omitted,
}

impl<'a> Path<'a> {
    pub(super) fn of(fields: &[&'a str]) -> Self {
        Self::default().fields(fields)
    }

    #[must_use]
    pub(super) fn fields(self, fields: &[&'a str]) -> Self {
        fields.iter().fold(self, |path, field| path.then(Segment::Field(field)))
    }

    #[must_use]
    pub(super) fn key(self, key: &'a str) -> Self {
        self.then(Segment::Key(key))
    }

    #[must_use]
    pub(super) fn index(self, index: usize) -> Self {
        self.then(Segment::Index(index))
    }

    /// Returns the path whose steps are field names, or keys if they contain a dot or a slash.
    pub fn from_steps(steps: &'a [String]) -> Self {
        steps.iter().fold(Self::default(), |path, step| {
            if step.contains(['.', '/']) { path.key(step) } else { path.fields(&[step]) }
        })
    }

    pub(in crate::policy) fn then(mut self, segment: Segment<'a>) -> Self {
        if self.0.try_push(segment).is_err() {
            debug_assert!(false, "a path of more than {MAX_DEPTH} segments");
            if let Some(last) = self.0.last_mut() {
                *last = Segment::Omitted;
            }
        }
        self
    }

    /// Returns the path as the tables of fields write it: `spec.hosts[]`, without indices and keys.
    pub fn pattern(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, segment| {
            match segment {
                // Such a name would read as a longer path.
                Segment::Field(name) if name.contains(['.', '[', '{']) => text.push_str(".…"),
                Segment::Field(name) if text.is_empty() => text.push_str(name),
                Segment::Field(name) => {
                    text.push('.');
                    text.push_str(name);
                }
                Segment::Key(_) => text.push_str("{}"),
                Segment::Index(_) => text.push_str("[]"),
                Segment::Omitted => text.push('…'),
            }
            text
        })
    }

    /// Returns the path as a JSON Pointer (RFC 6901): `/metadata/labels/a.example~1b`.
    pub fn pointer(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, segment| {
            text.push('/');
            match segment {
                Segment::Field(name) => text.push_str(name),
                Segment::Key(key) => text.push_str(&key.replace('~', "~0").replace('/', "~1")),
                Segment::Index(index) => text.push_str(&index.to_string()),
                Segment::Omitted => text.push('…'),
            }
            text
        })
    }
}

/// Writes the path in Kubernetes' notation: `metadata.labels[a.example/b]`.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Field(name) if position == 0 => f.write_str(name)?,
                Segment::Field(name) => write!(f, ".{name}")?,
                Segment::Key(key) => write!(f, "[{key}]")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Omitted => f.write_str("…")?,
            }
        }
        Ok(())
    }
}

/// A value with its path.
#[derive(Clone, Debug)]
pub struct Located<'a, T> {
    pub value: T,
    pub path: Path<'a>,
}

impl<'p, T> Located<'p, T> {
    /// Returns `value` as the value of a field of this one.
    pub(super) fn field<U>(&self, field: &'p str, value: U) -> Located<'p, U> {
        Located { value, path: self.path.clone().fields(&[field]) }
    }
}

impl<'p, 'o, T> Located<'p, &'o [T]> {
    /// Returns each element of a list.
    pub fn elements(self) -> impl Iterator<Item = Located<'p, &'o T>> {
        let Self { value, path } = self;
        value.iter().enumerate().map(move |(index, value)| Located { value, path: path.clone().index(index) })
    }
}
