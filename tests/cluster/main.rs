//! The cluster tier: tests through a real API server and a real istiod, and network policies in an evaluator.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]
#![expect(clippy::indexing_slicing, reason = "an absent field of JSON is `null`")]

mod accepted;
mod admin_policies;
mod adoption;
mod advice;
mod applications;
mod audit_log;
mod baseline;
mod callers;
mod certificates;
mod chain;
mod chart;
mod controller;
mod credentials;
mod doctor;
mod duplicates;
mod edits;
mod exemptions;
mod fields;
mod flows;
mod gateway_pods;
mod generated_routes;
mod grants;
mod hosts;
mod identity;
mod ingresses;
mod injection;
mod keys;
mod mesh_wide;
mod monitoring;
mod monitors;
mod namespaces;
mod other_webhooks;
mod outage;
mod owners;
mod owners_day;
mod ownership;
mod places;
mod playground;
mod principals;
mod privileges;
mod proxies;
mod proxy_reference;
mod readiness;
mod registering;
mod registration;
mod reserved_names;
mod roles;
mod routes;
#[path = "../../examples/playground/scenes.rs"]
mod scenes;
mod second_attack;
mod self_service;
mod services;
mod serving;
mod settings;
mod shared_services;
mod snapshots;
mod statuses;
mod survival;
mod switches;
mod tenants;
mod weakening;
mod whoami;
