//! The arguments the injector writes, as data: Istio's injection template is the source. A flag that
//! would leave traffic uncaptured is not in it.

use crate::policy::object::Text;

/// The arguments of one of the mesh's containers: fixed words, then flags in any order.
#[derive(Debug)]
pub struct Arguments {
    words: &'static [&'static str],
    flags: &'static [&'static [(&'static str, Value)]],
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
    /// The next argument: this.
    Next(&'static str),
    /// The next argument: anything that only captures more.
    NextAny,
    /// The next argument: a domain of the pod's own namespace.
    NextDomain,
    /// The next argument: a list of the mesh's own ports.
    NextMeshPorts,
}

pub static PROXY: Arguments = Arguments {
    words: &["proxy", "sidecar"],
    flags: &[
        &[
            ("--domain", Value::NextDomain),
            ("--proxyComponentLogLevel", Value::Level),
            ("--proxyLogLevel", Value::Level),
            ("--stsPort", Value::Number),
        ],
        LOG,
    ],
};

pub static CAPTURE: Arguments = Arguments { words: &["istio-iptables"], flags: &[REDIRECT, LOG] };

/// With istio-cni the same program only looks whether the redirection stands.
pub static VALIDATION: Arguments = Arguments { words: &["istio-iptables"], flags: &[REDIRECT, LOG, LOOK] };

const LOG: &[(&str, Value)] = &[("--log_as_json", Value::None), ("--log_output_level", Value::Level)];

const LOOK: &[(&str, Value)] = &[("--run-validation", Value::None), ("--skip-rule-apply", Value::None)];

const REDIRECT: &[(&str, Value)] = &[
    ("--force-apply", Value::None),
    ("--native-nftables", Value::None),
    ("-b", Value::Next("*")),
    ("-d", Value::NextMeshPorts),
    ("-i", Value::Next("*")),
    ("-m", Value::Next("REDIRECT")),
    ("-o", Value::Next("")),
    ("-p", Value::Next("15001")),
    ("-q", Value::NextAny),
    ("-u", Value::NextAny),
    ("-x", Value::Next("")),
    ("-z", Value::Next("15006")),
];

/// Ports the proxy itself listens on: health, metrics, the merged metrics.
const MESH_PORTS: &[&str] = &["15020", "15021", "15090"];

impl Arguments {
    /// The index of the first argument the injector would not have written; the length where one is missing.
    pub fn first_strange(&self, written: &[Text<'_>]) -> Option<usize> {
        for (index, word) in self.words.iter().enumerate() {
            if written.get(index).is_none_or(|argument| **argument != **word) {
                return Some(index);
            }
        }
        let mut rest = written.iter().enumerate().skip(self.words.len());
        while let Some((index, argument)) = rest.next() {
            let (flag, inline) = match argument.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (&**argument, None),
            };
            let Some(value) = self.value(flag) else { return Some(index) };
            let next = if value.is_next() { rest.next().map(|(_, next)| &**next) } else { None };
            if !value.takes(inline, next) {
                return Some(if value.is_next() { index + 1 } else { index });
            }
        }
        None
    }

    fn value(&self, flag: &str) -> Option<Value> {
        self.flags.iter().copied().flatten().find(|(known, _)| *known == flag).map(|(_, value)| *value)
    }
}

impl Value {
    fn is_next(self) -> bool {
        matches!(self, Self::Next(_) | Self::NextAny | Self::NextDomain | Self::NextMeshPorts)
    }

    fn takes(self, inline: Option<&str>, next: Option<&str>) -> bool {
        match (self, inline, next) {
            (Self::None, None, None) | (Self::NextAny, None, Some(_)) => true,
            (Self::Level, Some(level), None) => {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-:,".contains(&byte);
                !level.is_empty() && level.bytes().all(plain)
            }
            (Self::Number, Some(number), None) => number.parse::<u16>().is_ok(),
            (Self::Next(expected), None, Some(next)) => next == expected,
            (Self::NextDomain, None, Some(next)) => next.starts_with("$(POD_NAMESPACE).svc."),
            (Self::NextMeshPorts, None, Some(next)) => next.split(',').all(|port| MESH_PORTS.contains(&port)),
            _ => false,
        }
    }
}
