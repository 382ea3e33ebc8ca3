//! The README's transcript is what the playground plays.

use crate::blessed::compare_part;
use crate::cluster::shared;
use crate::scenes;

#[test]
fn the_transcript_is_the_playgrounds() {
    let transcript = scenes::play(&shared(), |_| {}).unwrap();
    // A terminal does not show the space at the end of a line; an editor takes it away.
    let lines = transcript.lines().flat_map(|line| [line.trim_end(), "\n"]);
    compare_part("README.md", "transcript", &format!("```console\n{}```\n", lines.collect::<String>()));
}
