//! Policies of a tenant that lose their effect at ztunnel, which BH708 refuses, and policies that keep it. Each is pushed
//! by the real istiod, and the double judges a call of the tenant's own pod by it.

use std::fmt::Write as _;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use support::objects::authorization_policy;
use support::refusal::{Violation, expect_admitted, refused};
use support::snapshot_files::compare_part;
use support::wait::until;

use crate::calls::{Ending, Protocol, Row, Way, Who, row};

use super::objects::{ACME, WAYPOINT};
use super::stage::Stage;

use Ending::{Arrives, Refused};

struct Policy {
    /// Completes "a policy that …".
    words: &'static str,
    spec: fn() -> Value,
    violations: &'static [Violation<'static>],
    /// False if istiod pushes nothing to ztunnels.
    is_pushed: bool,
    /// The end of `GET /` on port 8080 past the waypoint, and through it.
    endings: [Ending; 2],
}

const DIRECT: Row = call([Arrives, Arrives, Arrives]);

const fn call(endings: [Ending; 3]) -> Row {
    row(Who::Neighbour, Protocol::Http, Way::Usual, endings)
}

fn deny(rules: &Value) -> Value {
    json!({ "action": "DENY", "rules": rules })
}

const POLICIES: &[Policy] = &[
    Policy {
        words: "denies requests to port 8080 with a header",
        spec: || {
            deny(&json!([{
                "to": [{ "operation": { "ports": ["8080"] } }],
                "when": [{ "key": "request.headers[host]", "values": ["*"] }],
            }]))
        },
        violations: &[("BH708", "spec.rules[0].when[0].key")],
        is_pushed: true,
        endings: [Arrives, Arrives],
    },
    Policy {
        words: "denies a path to every caller with an identity",
        spec: || {
            deny(&json!([{
                "from": [{ "source": { "principals": ["*"] } }],
                "to": [{ "operation": { "paths": ["/*"] } }],
            }]))
        },
        violations: &[("BH708", "spec.rules[0].to[0].operation")],
        is_pushed: true,
        endings: [Arrives, Arrives],
    },
    Policy {
        words: "denies requests without a token",
        spec: || deny(&json!([{ "from": [{ "source": { "notRequestPrincipals": ["*"] } }] }])),
        violations: &[("BH708", "spec.rules[0].from[0].source")],
        is_pushed: true,
        endings: [Arrives, Arrives],
    },
    Policy {
        words: "denies a method",
        spec: || deny(&json!([{ "to": [{ "operation": { "methods": ["GET"] } }] }])),
        violations: &[("BH708", "spec.rules[0].to[0].operation")],
        is_pushed: true,
        endings: [Arrives, Arrives],
    },
    Policy {
        words: "denies callers of other trust domains by `notTrustDomains`",
        spec: || deny(&json!([{ "from": [{ "source": { "notTrustDomains": ["elsewhere"] } }] }])),
        violations: &[("BH708", "spec.rules[0].from[0].source")],
        is_pushed: true,
        endings: [Arrives, Arrives],
    },
    Policy {
        words: "denies a trust domain by `trustDomains`",
        spec: || deny(&json!([{ "from": [{ "source": { "trustDomains": ["cluster.local"] } }] }])),
        violations: &[("BH708", "spec.rules[0].from[0].source")],
        is_pushed: true,
        endings: [Arrives, Arrives],
    },
    Policy {
        words: "denies a method at the waypoint, by `targetRefs`",
        spec: || {
            let waypoint =
                json!({ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": WAYPOINT });
            let rules = json!([{ "to": [{ "operation": { "methods": ["GET"] } }] }]);
            json!({ "targetRefs": [waypoint], "action": "DENY", "rules": rules })
        },
        violations: &[],
        is_pushed: false,
        endings: [Arrives, Refused],
    },
    Policy {
        words: "denies the namespace of the caller on port 8080",
        spec: || {
            deny(&json!([{
                "from": [{ "source": { "namespaces": [ACME] } }],
                "to": [{ "operation": { "ports": ["8080"] } }],
            }]))
        },
        violations: &[],
        is_pushed: true,
        endings: [Refused, Refused],
    },
    Policy {
        words: "denies another method, on port 8080",
        spec: || deny(&json!([{ "to": [{ "operation": { "ports": ["8080"], "methods": ["POST"] } }] }])),
        violations: &[],
        is_pushed: true,
        endings: [Refused, Refused],
    },
    Policy {
        words: "denies an account by its name",
        spec: || deny(&json!([{ "from": [{ "source": { "principals": ["*/sa/default"] } }] }])),
        violations: &[],
        is_pushed: true,
        endings: [Refused, Arrives],
    },
    Policy {
        words: "denies everything",
        spec: || deny(&json!([{}])),
        violations: &[],
        is_pushed: true,
        endings: [Refused, Refused],
    },
    Policy {
        words: "denies, without rules",
        spec: || json!({ "action": "DENY" }),
        violations: &[],
        is_pushed: true,
        endings: [Arrives, Arrives],
    },
    Policy {
        words: "allows a method",
        spec: || json!({ "action": "ALLOW", "rules": [{ "to": [{ "operation": { "methods": ["GET"] } }] }] }),
        violations: &[],
        is_pushed: true,
        endings: [Refused, Refused],
    },
    Policy {
        words: "allows, without rules",
        spec: || json!({ "action": "ALLOW" }),
        violations: &[],
        is_pushed: true,
        endings: [Refused, Refused],
    },
    Policy {
        words: "records everything (`AUDIT`)",
        spec: || json!({ "action": "AUDIT", "rules": [{}] }),
        violations: &[],
        is_pushed: false,
        endings: [Arrives, Arrives],
    },
];

#[test]
fn policies_that_lose_their_effect_are_refused() {
    let Some(stage) = super::stage() else { return };
    let calls = |stage: &Stage| [stage.direct(&DIRECT), stage.through_waypoint(&DIRECT)];
    until(|| calls(&stage) == [Arrives, Arrives]);
    let mut table = "| a policy that | refused | past the waypoint: the double | through the waypoint |\n\
                     |---|---|---|---|\n"
        .to_owned();
    for (index, Policy { words, spec, violations, is_pushed, endings }) in POLICIES.iter().enumerate() {
        let name = format!("lost-{index}");
        let policy = authorization_policy(ACME, &name, &spec()).to_string();
        if violations.is_empty() {
            expect_admitted(&stage.member.feed(&["create", "--dry-run=server", "-f", "-"], &policy).unwrap());
        } else {
            refused(&stage.member, &["create", "-f", "-"], &policy, violations);
        }
        stage.firefighter.apply(&policy).unwrap();
        let has_policy = || stage.pod("web").has_policy(ACME, &name);
        if *is_pushed {
            until(has_policy);
        } else {
            sleep(Duration::from_millis(500));
        }
        let mut found = calls(&stage);
        for _ in 0..20 {
            if found == *endings {
                break;
            }
            sleep(Duration::from_millis(100));
            found = calls(&stage);
        }
        assert_eq!(&found, endings, "a policy that {words}");
        assert_eq!(has_policy(), *is_pushed, "a policy that {words}");
        stage.delete_policy(&name);
        until(|| calls(&stage) == [Arrives, Arrives]);
        let refused = if violations.is_empty() { "no" } else { "by BH708" };
        let [direct, through] = endings.each_ref().map(Ending::words);
        writeln!(table, "| {words} | {refused} | {direct} | {through} |").unwrap();
    }
    compare_part("ambient-policies", &table);
}
