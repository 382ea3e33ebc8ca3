//! The transcript in the documents is the output of the playground.

use support::cluster::shared;
use support::snapshot_files::compare_part;

use crate::scenes;

#[test]
fn playground_prints_the_documented_transcript() {
    let transcript = scenes::play(&shared(), |_| {}).unwrap();
    // Editors remove spaces at the end of a line.
    let lines = transcript.lines().flat_map(|line| [line.trim_end(), "\n"]);
    compare_part("transcript", &format!("```console\n{}```\n", lines.collect::<String>()));
}
