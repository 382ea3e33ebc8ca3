//! The arguments that the injector writes, as tables taken from Istio's injection template. The tables have no flag
//! that would leave traffic uncaptured.

use super::{MESH_PORTS, is_plain};
use crate::policy::object::JsonStr;

/// The arguments of one of the mesh's containers: fixed words, then flags in any order, each at most once.
#[derive(Debug)]
pub struct Arguments {
    positional: &'static [&'static str],
    /// Flags that must be present. Without them the container does not do its work: Istio's own defaults capture
    /// nothing.
    required: &'static [&'static [(&'static str, FlagValue)]],
    allowed: &'static [(&'static str, FlagValue)],
}

/// The value that a flag takes.
#[derive(Clone, Copy, Debug)]
enum FlagValue {
    /// No value.
    None,
    /// After a `=`: a log level, of one component or several.
    Level,
    /// After a `=`: a number.
    Number,
    /// After a `=`: a file.
    File,
    /// The next argument: exactly this text.
    Next(&'static str),
    /// The next argument: a list of additional ports to capture.
    NextPorts,
    /// The next argument: the proxy's user, the only user whose traffic is not captured.
    NextUser,
    /// The next argument: a domain of the pod's own namespace.
    NextDomain,
    /// The next argument: a list of the mesh's own ports.
    NextMeshPorts,
    /// The next argument: a log level, of one component or several.
    NextLevel,
    /// The next argument: a name in the pod's own namespace.
    NextCluster,
}

pub static PROXY_ARGUMENTS: Arguments =
    Arguments { positional: &["proxy", "sidecar"], required: &[], allowed: PROXY_FLAGS };

pub static GATEWAY_ARGUMENTS: Arguments =
    Arguments { positional: &["proxy", "router"], required: &[], allowed: PROXY_FLAGS };

pub(super) static WAYPOINT_ARGUMENTS: Arguments =
    Arguments { positional: &["proxy", "waypoint"], required: &[], allowed: WAYPOINT_FLAGS };

const WAYPOINT_FLAGS: &[(&str, FlagValue)] = &[
    ("--domain", FlagValue::NextDomain),
    ("--log_as_json", FlagValue::None),
    ("--log_output_level", FlagValue::NextLevel),
    ("--outlierLogPath", FlagValue::File),
    ("--proxyComponentLogLevel", FlagValue::NextLevel),
    ("--proxyLogLevel", FlagValue::NextLevel),
    ("--serviceCluster", FlagValue::NextCluster),
];

const PROXY_FLAGS: &[(&str, FlagValue)] = &[
    ("--domain", FlagValue::NextDomain),
    ("--log_as_json", FlagValue::None),
    ("--log_output_level", FlagValue::Level),
    ("--outlierLogPath", FlagValue::File),
    ("--proxyComponentLogLevel", FlagValue::Level),
    ("--proxyLogLevel", FlagValue::Level),
    ("--stsPort", FlagValue::Number),
];

pub static INIT_ARGUMENTS: Arguments =
    Arguments { positional: &["istio-iptables"], required: &[CAPTURE_FLAGS], allowed: OPTIONAL_FLAGS };

/// With istio-cni, the same program only checks that the redirection works.
pub static VALIDATION_ARGUMENTS: Arguments = Arguments {
    positional: &["istio-iptables"],
    required: &[CAPTURE_FLAGS, VALIDATION_FLAGS],
    allowed: OPTIONAL_FLAGS,
};

const CAPTURE_FLAGS: &[(&str, FlagValue)] = &[
    ("-b", FlagValue::Next("*")),
    ("-i", FlagValue::Next("*")),
    ("-p", FlagValue::Next("15001")),
    ("-u", FlagValue::NextUser),
    ("-z", FlagValue::Next("15006")),
];

const VALIDATION_FLAGS: &[(&str, FlagValue)] =
    &[("--run-validation", FlagValue::None), ("--skip-rule-apply", FlagValue::None)];

const OPTIONAL_FLAGS: &[(&str, FlagValue)] = &[
    ("--force-apply", FlagValue::None),
    ("--log_as_json", FlagValue::None),
    ("--log_output_level", FlagValue::Level),
    ("--native-nftables", FlagValue::None),
    ("-d", FlagValue::NextMeshPorts),
    ("-m", FlagValue::Next("REDIRECT")),
    ("-o", FlagValue::Next("")),
    ("-q", FlagValue::NextPorts),
    ("-x", FlagValue::Next("")),
];

/// A difference from the arguments that the injector writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentMismatch<'r> {
    /// The argument at this index is wrong.
    Unexpected(usize),
    /// This flag or word is missing.
    Missing(&'r str),
}

impl Arguments {
    /// Returns the first difference from the arguments that the injector writes for a proxy that runs as `user`.
    pub fn first_mismatch(&self, arguments: &[JsonStr<'_>], user: i64) -> Option<ArgumentMismatch<'static>> {
        for (index, word) in self.positional.iter().enumerate() {
            match arguments.get(index) {
                None => return Some(ArgumentMismatch::Missing(word)),
                Some(argument) if **argument != **word => return Some(ArgumentMismatch::Unexpected(index)),
                Some(_) => {}
            }
        }
        let mut seen = Vec::with_capacity(arguments.len());
        let mut rest = arguments.iter().enumerate().skip(self.positional.len());
        while let Some((index, argument)) = rest.next() {
            let (flag, inline) = split(argument);
            let known = self.flags().find(|(known, _)| *known == flag && !seen.contains(known));
            let Some((known, value)) = known else { return Some(ArgumentMismatch::Unexpected(index)) };
            seen.push(known);
            let next = if value.takes_next() { rest.next().map(|(_, next)| &**next) } else { None };
            if !value.accepts(inline, next, user) {
                return Some(ArgumentMismatch::Unexpected(index + usize::from(next.is_some())));
            }
        }
        let mut required = self.required.iter().copied().flatten();
        required.find(|(flag, _)| !seen.contains(flag)).map(|(flag, _)| ArgumentMismatch::Missing(flag))
    }

    /// Returns the first difference from the arguments of the reference. A flag of the table may have another value.
    pub fn first_difference<'r>(
        &self,
        arguments: &[JsonStr<'_>],
        reference: &'r [JsonStr<'r>],
        user: i64,
    ) -> Option<ArgumentMismatch<'r>> {
        let mut seen = Vec::with_capacity(arguments.len());
        let mut index = 0;
        for (position, group) in groups(arguments).enumerate() {
            let start = index;
            index += group.len();
            let flag = flag(group);
            if seen.contains(&flag) {
                return Some(ArgumentMismatch::Unexpected(start));
            }
            seen.push(flag);
            let is_injected = groups(reference).any(|known| texts(known).eq(texts(group)));
            if !is_injected && (position == 0 || !self.allows(group, user)) {
                return Some(ArgumentMismatch::Unexpected(index - 1));
            }
        }
        let is_optional = |flag: &&str| {
            self.flags().any(|(known, value)| known == *flag && matches!(value, FlagValue::Level))
        };
        let mut required = groups(reference).map(flag).filter(|flag| !is_optional(flag));
        required.find(|flag| !seen.contains(flag)).map(ArgumentMismatch::Missing)
    }

    /// True if a pod's own annotations can set this flag to these values.
    fn allows(&self, group: &[JsonStr<'_>], user: i64) -> bool {
        let [argument, next @ ..] = group else { return false };
        let (flag, inline) = split(argument);
        let next = match next {
            [] => None,
            [next] => Some(&**next),
            _ => return false,
        };
        let mut values = self.flags().filter(|(known, _)| *known == flag).map(|(_, value)| value);
        values.any(|value| value.is_set_by_pods() && value.accepts(inline, next, user))
    }

    fn flags(&self) -> impl Iterator<Item = (&'static str, FlagValue)> {
        self.required.iter().copied().flatten().chain(self.allowed).copied()
    }
}

/// Splits arguments into the fixed words and the flags, each with its values.
fn groups<'s, 'a>(arguments: &'s [JsonStr<'a>]) -> impl Iterator<Item = &'s [JsonStr<'a>]> {
    arguments.chunk_by(|_, next| !next.starts_with('-'))
}

/// Returns the flag of a group, or its first word.
fn flag<'s>(group: &'s [JsonStr<'_>]) -> &'s str {
    group.first().map_or("", |argument| split(argument).0)
}

/// Splits an argument into the flag and the value after a `=`.
fn split(argument: &str) -> (&str, Option<&str>) {
    argument.split_once('=').map_or((argument, None), |(flag, value)| (flag, Some(value)))
}

fn texts<'s>(group: &'s [JsonStr<'_>]) -> impl Iterator<Item = &'s str> {
    group.iter().map(|argument| &**argument)
}

impl FlagValue {
    /// True if annotations of a pod set such values.
    fn is_set_by_pods(self) -> bool {
        matches!(self, Self::Level | Self::Next(_) | Self::NextPorts | Self::NextMeshPorts)
    }

    fn takes_next(self) -> bool {
        !matches!(self, Self::None | Self::Level | Self::Number | Self::File)
    }

    fn accepts(self, inline: Option<&str>, next: Option<&str>, user: i64) -> bool {
        match (self, inline, next) {
            (Self::None, None, None) => true,
            (Self::Level, Some(level), None) => !level.is_empty() && is_plain(level, b"_-:,"),
            (Self::Number, Some(number), None) => number.parse::<u16>().is_ok(),
            (Self::File, Some(file), None) => file.starts_with('/') && is_plain(file, b"/._-"),
            (Self::Next(expected), None, Some(next)) => next == expected,
            (Self::NextUser, None, Some(next)) => next.parse() == Ok(user),
            (Self::NextDomain, None, Some(next)) => {
                next.strip_prefix("$(POD_NAMESPACE).svc.").is_some_and(|domain| is_plain(domain, b".-"))
            }
            (Self::NextLevel, None, Some(next)) => Self::Level.accepts(Some(next), None, user),
            (Self::NextCluster, None, Some(next)) => {
                next.strip_suffix(".$(POD_NAMESPACE)").is_some_and(|name| is_plain(name, b".-"))
            }
            (Self::NextMeshPorts, None, Some(next)) => {
                let is_mesh = |port: &str| port.parse().is_ok_and(|port| MESH_PORTS.contains(&port));
                next.split(',').all(|port| port.is_empty() || is_mesh(port))
            }
            (Self::NextPorts, None, Some(next)) => {
                next == "*" || next.split(',').all(|port| port.is_empty() || port.parse::<u16>().is_ok())
            }
            _ => false,
        }
    }
}
