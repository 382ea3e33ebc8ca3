//! The wording of everything that users read from the binary, as files to be reviewed as copy. No other test reads
//! sentences. `BLESS=1 cargo test --test fast wording` writes the files again.

use std::collections::BTreeMap;
use std::fmt::Write;

use bulkhead::cli::Arguments;
use bulkhead::kinds::Kind;
use bulkhead::policy::{JudgeError, RULES, Violation, WaiverReason};
use bulkhead::report::{fields_text, kinds_with_fields, message, unknown_kind, unlisted_field};
use bulkhead::snapshot::ready_for;
use clap::{Command, CommandFactory};
use support::command::bulkhead;
use support::snapshot_files::compare;

use crate::examples::examples;

/// The file of `tests/fast/wording` must hold `text`. Spaces at the end of a line, and the version, do not count.
#[track_caller]
fn expect_wording(file: &str, text: &str) {
    let lines: String = text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    let text = lines.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    compare(&format!("tests/fast/wording/{file}"), &format!("{}\n", text.trim_end()));
}

/// Every violation in the examples of the manuals, by rule: path, message, fix.
#[test]
fn refusals_of_the_manuals_examples_are_as_reviewed() {
    let mut by_rule: BTreeMap<&str, Vec<Violation>> = BTreeMap::new();
    let mut whole = None;
    for example in RULES.iter().flat_map(examples) {
        let judged = example.judged();
        if judged.violations.len() > 1 && judged.contact.is_some() && whole.is_none() {
            whole = Some(message(&judged.violations, judged.contact.as_deref()));
        }
        for violation in judged.violations {
            let known = by_rule.entry(violation.code).or_default();
            if !known.contains(&violation) {
                known.push(violation);
            }
        }
    }
    let mut text = format!("A whole refusal, as kubectl prints it:\n{}\n", whole.unwrap());
    for rule in RULES {
        writeln!(text, "\n{} {}", rule.code(), rule.name()).unwrap();
        for Violation { field, message, fix, .. } in &by_rule[rule.code()] {
            writeln!(text, "\n  {field}\n    {message}\n    {fix}").unwrap();
        }
    }
    expect_wording("refusals.txt", &text);
}

/// Admitted violations, requests that cannot be judged, and the condition of a namespace.
#[test]
fn verdicts_other_than_refusals_are_as_reviewed() {
    let mut text = "A violation that is admitted, in the parentheses of its warning:\n\n".to_owned();
    for why in [
        WaiverReason::Preexisting,
        WaiverReason::Observed,
        WaiverReason::Exempted("acme-vendor-import".to_owned()),
        WaiverReason::BreakGlass,
    ] {
        writeln!(text, "  {why}").unwrap();
    }
    text += "\nA request that cannot be judged:\n\n";
    let [operation, resource] = ["DELETE", "pods"].map(str::to_owned);
    for why in [
        JudgeError::MissingObject("oldObject"),
        JudgeError::Unregistered { operation, resource },
        JudgeError::UnknownNamespace("tenant-acme".to_owned()),
        JudgeError::NotReady,
        JudgeError::DeadlineExceeded,
    ] {
        writeln!(text, "  {why}").unwrap();
    }
    text += "\nThe condition bulkhead.dev/BaselineReady of a namespace:\n\n";
    writeln!(text, "  {}", ready_for("acme")).unwrap();
    expect_wording("verdicts.txt", &text);
}

#[test]
fn help_of_every_command_is_as_reviewed() {
    fn help(command: &mut Command, text: &mut String) {
        let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
        write!(text, "$ {name} --help\n\n{}\n\n", command.render_long_help().to_string().trim_end()).unwrap();
        for command in command.get_subcommands_mut().filter(|command| command.get_name() != "help") {
            help(command, text);
        }
    }
    let mut command = Arguments::command();
    command.build();
    let mut text = String::new();
    help(&mut command, &mut text);
    expect_wording("help.txt", &text);
}

#[test]
fn list_of_explain_is_as_reviewed() {
    let (_, out, _) = bulkhead(&["explain"], "");
    expect_wording("explain.txt", &out);
}

#[test]
fn fields_of_a_kind_are_as_reviewed() {
    let (_, mut text, _) = bulkhead(&["explain", "--fields", "sidecar"], "");
    let (code, out, error) = bulkhead(&["explain", "--fields", "Lease"], "");
    assert_eq!((code, out.as_str()), (2, ""));
    writeln!(text, "\nA kind without a table:\n\n  {}", error.trim_end()).unwrap();
    writeln!(text, "\nA field that the cluster serves and no table lists:\n").unwrap();
    writeln!(text, "  {}", unlisted_field(Kind::VirtualService, "spec.http[].newField")).unwrap();
    writeln!(text, "\nA kind of objects in tenants' namespaces that Bulkhead does not know:\n").unwrap();
    let kind = ["monitoring.coreos.com", "PrometheusRule", "prometheusrules"];
    writeln!(text, "  {}\n  {}", unknown_kind(kind, 1), unknown_kind(kind, 2)).unwrap();
    expect_wording("fields.txt", &text);
    for kind in kinds_with_fields() {
        let widest = fields_text(&[kind]).lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(110), "{}: {widest:?}", kind.name());
    }
}

#[test]
fn errors_in_the_settings_are_as_reviewed() {
    let header = "apiVersion: bulkhead.dev/v1alpha1\nkind: Settings\n";
    let mut text = String::new();
    for settings in [
        "mesh: { proxyImages: ['registry.example.com/proxyv2:1'] }",
        "mesh: { proxyImages: [] }",
        "mesh: { proxyUser: 0 }",
        "mesh: { dataplane: Both }",
        "mesh: { image: a }",
        "labels: { protected: ['a key'] }",
        "gateways: [{ name: public, serviceAccount: public, selector: { app: public } }]",
        "gateways: [{ name: edge/public, serviceAccount: public, selector: {} }]",
        "egressGateway: { namespace: edge, service: egress, selector: {} }",
        "meshWide: { denyAll: Enforce }",
        "podTemplates: [{ group: argoproj.io, kind: Rollout, resource: rollouts }]",
        "podTemplates: [{ group: argoproj, kind: Rollout, resource: rollouts, paths: [spec.template] }]",
        "podTemplates: [{ group: argoproj.io, kind: rollouts, resource: rollouts, paths: [spec.template] }]",
        "podTemplates: [{ group: argoproj.io, kind: Rollout, resource: rollouts/scale, paths: [spec.template] }]",
        "podTemplates: [{ group: argoproj.io, kind: Rollout, resource: rollouts, paths: [] }]",
        "podTemplates: [{ group: argoproj.io, kind: Rollout, resource: rollouts, paths: [\"spec['template']\"] }]",
        "podTemplates: [{ group: argoproj.io, kind: Rollout, resource: rollouts, paths: [a.b.c.d.e.f.g.h] }]",
        "podTemplates: [{ group: networking.istio.io, kind: Gate, resource: sidecars, paths: [spec.template] }]",
        "podTemplates: [{ group: argoproj.io, kind: Rollout, resource: rollouts, paths: [spec.template] }, \
         { group: argoproj.io, kind: Roll, resource: rollouts, paths: [spec.canary] }]",
        "platform: { reservedKinds: [{ group: cilium.io, kind: CiliumNetworkPolicy }] }",
        "platform: { reservedKinds: [{ group: networking.k8s.io, kind: NetworkPolicy, resource: networkpolicies }] }",
        "platform: { reviewedKinds: [{ group: monitoring.coreos.com, kind: PodMonitor, resource: podmonitors }] }",
        "rules: { BH301: Off }",
        "rules: { BH300: Warn }",
        "rules: { BH401: Audit }",
        "---\napiVersion: bulkhead.dev/v1alpha1\nkind: Settings",
    ] {
        let (code, _, note) =
            bulkhead(&["manifests", "webhooks", "--settings", "-"], &format!("{header}{settings}\n"));
        assert_eq!(code, 2, "{settings}: {note}");
        writeln!(text, "{settings}\n    {}\n", note.trim_end().replace('\n', "\n    ")).unwrap();
    }
    let (code, _, note) = bulkhead(&["manifests", "webhooks", "--settings", "-"], "kind: Tenant\n");
    assert_eq!(code, 2, "{note}");
    writeln!(text, "(no document of kind Settings)\n    {}", note.trim_end()).unwrap();
    expect_wording("settings.txt", &text);
}
