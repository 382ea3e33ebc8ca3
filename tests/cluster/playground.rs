//! The transcript in the documents is the output of the playground.

use support::cluster::shared;
use support::snapshot_files::compare_part;

use crate::scenes;

/// The commands whose scenes the README shows.
const SHORT: &[&str] =
    &["kubectl create namespace tenant-acme", "kubectl apply -f examples/bad/opted-out.yaml"];

/// Tests start in the order of their names: this one creates the namespace `shared-services`, and the module of that
/// name then uses it.
#[test]
fn playground_prints_the_documented_transcript() {
    let transcript = scenes::play(&shared(), |_| {}).unwrap();
    // Editors remove spaces at the end of a line.
    let transcript: String = transcript.lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    compare_part("transcript", &format!("```console\n{transcript}```\n"));

    let scenes: Vec<&str> = transcript.trim_end().split("\n\n").collect();
    let scene = |command: &&str| {
        let prompt = format!("$ {command}\n");
        *scenes.iter().find(|scene| scene.contains(&prompt)).unwrap()
    };
    let short: Vec<&str> = SHORT.iter().map(scene).collect();
    compare_part("short-transcript", &format!("```console\n{}\n```\n", short.join("\n\n")));
}
