//! The arguments the injector writes, as data: Istio's injection template is the source. A flag that
//! would leave traffic uncaptured is not in it.

use super::MESH_PORTS;
use crate::policy::object::Text;

/// The arguments of one of the mesh's containers: fixed words, then flags in any order, each at most once.
#[derive(Debug)]
pub struct Arguments {
    words: &'static [&'static str],
    /// Without one of these the container does not do its work: Istio's own defaults capture nothing.
    required: &'static [&'static [(&'static str, Value)]],
    allowed: &'static [(&'static str, Value)],
}

/// What follows a flag.
#[derive(Clone, Copy, Debug)]
enum Value {
    /// Nothing.
    None,
    /// After a `=`: a log level, of one component or several.
    Level,
    /// After a `=`: a number.
    Number,
    /// After a `=`: a file.
    File,
    /// The next argument: this.
    Next(&'static str),
    /// The next argument: a list of ports to capture beside the rest.
    NextPorts,
    /// The next argument: the proxy's own user, and nobody else, is let out.
    NextUser,
    /// The next argument: a domain of the pod's own namespace.
    NextDomain,
    /// The next argument: a list of the mesh's own ports.
    NextMeshPorts,
}

pub static PROXY: Arguments = Arguments {
    words: &["proxy", "sidecar"],
    required: &[],
    allowed: &[
        ("--domain", Value::NextDomain),
        ("--log_as_json", Value::None),
        ("--log_output_level", Value::Level),
        ("--outlierLogPath", Value::File),
        ("--proxyComponentLogLevel", Value::Level),
        ("--proxyLogLevel", Value::Level),
        ("--stsPort", Value::Number),
    ],
};

pub static CAPTURE: Arguments =
    Arguments { words: &["istio-iptables"], required: &[CAPTURE_ALL], allowed: CAPTURE_MORE };

/// With istio-cni the same program only looks whether the redirection stands.
pub static VALIDATION: Arguments =
    Arguments { words: &["istio-iptables"], required: &[CAPTURE_ALL, ONLY_LOOK], allowed: CAPTURE_MORE };

const CAPTURE_ALL: &[(&str, Value)] = &[
    ("-b", Value::Next("*")),
    ("-i", Value::Next("*")),
    ("-p", Value::Next("15001")),
    ("-u", Value::NextUser),
    ("-z", Value::Next("15006")),
];

const ONLY_LOOK: &[(&str, Value)] = &[("--run-validation", Value::None), ("--skip-rule-apply", Value::None)];

const CAPTURE_MORE: &[(&str, Value)] = &[
    ("--force-apply", Value::None),
    ("--log_as_json", Value::None),
    ("--log_output_level", Value::Level),
    ("--native-nftables", Value::None),
    ("-d", Value::NextMeshPorts),
    ("-m", Value::Next("REDIRECT")),
    ("-o", Value::Next("")),
    ("-q", Value::NextPorts),
    ("-x", Value::Next("")),
];

/// Arguments that the injector would not have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strange {
    /// The argument at this index.
    At(usize),
    /// This flag, or word, is missing.
    Missing(&'static str),
}

impl Arguments {
    /// The first thing in which `written` is not what the injector writes for a proxy that runs as `user`.
    pub fn strange(&self, written: &[Text<'_>], user: i64) -> Option<Strange> {
        for (index, word) in self.words.iter().enumerate() {
            match written.get(index) {
                None => return Some(Strange::Missing(word)),
                Some(argument) if **argument != **word => return Some(Strange::At(index)),
                Some(_) => {}
            }
        }
        let mut seen = Vec::with_capacity(written.len());
        let mut rest = written.iter().enumerate().skip(self.words.len());
        while let Some((index, argument)) = rest.next() {
            let (flag, inline) = match argument.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (&**argument, None),
            };
            let known = self.flags().find(|(known, _)| *known == flag && !seen.contains(known));
            let Some((known, value)) = known else { return Some(Strange::At(index)) };
            seen.push(known);
            let next = if value.is_next() { rest.next().map(|(_, next)| &**next) } else { None };
            if !value.takes(inline, next, user) {
                return Some(Strange::At(index + usize::from(next.is_some())));
            }
        }
        let mut required = self.required.iter().copied().flatten();
        required.find(|(flag, _)| !seen.contains(flag)).map(|(flag, _)| Strange::Missing(flag))
    }

    fn flags(&self) -> impl Iterator<Item = (&'static str, Value)> {
        self.required.iter().copied().flatten().chain(self.allowed).copied()
    }
}

impl Value {
    fn is_next(self) -> bool {
        !matches!(self, Self::None | Self::Level | Self::Number | Self::File)
    }

    fn takes(self, inline: Option<&str>, next: Option<&str>, user: i64) -> bool {
        match (self, inline, next) {
            (Self::None, None, None) => true,
            (Self::Level, Some(level), None) => {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-:,".contains(&byte);
                !level.is_empty() && level.bytes().all(plain)
            }
            (Self::Number, Some(number), None) => number.parse::<u16>().is_ok(),
            (Self::File, Some(file), None) => file.starts_with('/'),
            (Self::Next(expected), None, Some(next)) => next == expected,
            (Self::NextUser, None, Some(next)) => next.parse() == Ok(user),
            (Self::NextDomain, None, Some(next)) => next.starts_with("$(POD_NAMESPACE).svc."),
            (Self::NextMeshPorts, None, Some(next)) => {
                next.split(',').all(|port| port.parse().is_ok_and(|port| MESH_PORTS.contains(&port)))
            }
            (Self::NextPorts, None, Some(next)) => {
                next == "*" || next.split(',').all(|port| port.is_empty() || port.parse::<u16>().is_ok())
            }
            _ => false,
        }
    }
}
