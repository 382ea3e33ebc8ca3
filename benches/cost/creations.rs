//! Creation of pods as a dry run through the API server: its time, and the processor time of the API server and of the
//! webhook.

use std::time::Instant;

use support::api::request;

use crate::figures::{Figures, interleave, micros_each};
use crate::stage::{ProcessorTime, Stage, injected_pod, pods};
use crate::table::{Aim, Table};
use crate::variant::Variant;

/// A round takes seconds for each variant, because `/proc` counts processor time in hundredths of a second, and so that
/// every variant meets several garbage collections of the API server.
const ROUNDS: u32 = 10;
/// Turns of each variant in a round.
const TURNS: u32 = 10;
/// Creations in a turn, one after another.
const CREATIONS: u32 = 150;

/// The figures of a variant.
struct Created {
    variant: Variant,
    /// The time of each creation, in milliseconds.
    times: Figures,
    /// Their median in each round.
    medians: Figures,
    /// Processor time for a creation in each round, in microseconds.
    api_server: Figures,
    webhook: Figures,
    round: Round,
}

/// The sums of the round that is under way.
#[derive(Default)]
struct Round {
    times: Figures,
    spent: ProcessorTime,
}

pub(crate) fn measure(stage: &Stage) -> Vec<Aim> {
    let mut all: Vec<Created> = stage.variants.iter().map(|variant| Created::none(*variant)).collect();
    for created in &all {
        created.create(stage);
    }
    for _ in 0..ROUNDS {
        for turn in 0..TURNS {
            interleave(&mut all, turn, |created| created.take_turn(stage));
        }
        all.iter_mut().for_each(Created::end_round);
    }
    print_times(&all);
    print_processor_time(&all);
    aims(&all)
}

impl Created {
    fn none(variant: Variant) -> Self {
        Self {
            variant,
            times: Figures::default(),
            medians: Figures::default(),
            api_server: Figures::default(),
            webhook: Figures::default(),
            round: Round::default(),
        }
    }

    fn take_turn(&mut self, stage: &Stage) {
        let start = stage.processor_time(self.variant);
        self.round.times.extend(&self.create(stage));
        self.round.spent.add(stage.processor_time(self.variant).since(start));
    }

    fn end_round(&mut self) {
        let Round { times, spent } = std::mem::take(&mut self.round);
        self.medians.push(times.median());
        self.times.extend(&times);
        self.api_server.push(micros_each(spent.api_server, TURNS * CREATIONS));
        self.webhook.push(micros_each(spent.webhook, TURNS * CREATIONS));
    }

    /// Creates pods. Returns the time of each.
    fn create(&self, stage: &Stage) -> Figures {
        let create = request("POST", &pods(self.variant), "json", &injected_pod(self.variant));
        let creations = (0..CREATIONS).map(|_| {
            let start = Instant::now();
            let created = stage.runtime.block_on(stage.member.request_text(create.clone()));
            created.unwrap_or_else(|error| panic!("{}: {error}", self.variant.title()));
            start.elapsed().as_secs_f64() * 1e3
        });
        creations.collect()
    }

    /// Returns the processor time for a creation that another variant does not take.
    fn added(&self, base: &Self) -> Figures {
        self.api_server.plus(&self.webhook).minus(&base.api_server)
    }
}

fn print_times(all: &[Created]) {
    let mut table = Table::new(
        &format!(
            "Creation of an injected pod as a dry run, one after another, {ROUNDS} rounds of {}: of all \
             creations, and ratios of the medians of a round",
            TURNS * CREATIONS
        ),
        &["admission", "time, ms", "beside no webhook", "beside the null webhook", "beside the policy"],
    );
    for created in all {
        let beside = |base| created.medians.ratio(&find(all, base).medians).text(2);
        table.row(&[
            created.variant.title().to_owned(),
            created.times.text(2),
            beside(Variant::NoWebhook),
            beside(Variant::NullWebhook),
            beside(Variant::Policy),
        ]);
    }
    table.print();
}

fn print_processor_time(all: &[Created]) {
    let (none, null) = (find(all, Variant::NoWebhook), find(all, Variant::NullWebhook));
    let mut table = Table::new(
        "Processor time of these creations, µs each",
        &["admission", "API server", "webhook", "added, both", "added, beside the null webhook"],
    );
    for created in all {
        let title = created.variant.title().to_owned();
        if created.variant == Variant::NoWebhook {
            table.row(&[title, created.api_server.text(0), String::new(), String::new(), String::new()]);
            continue;
        }
        let added = created.added(none);
        table.row(&[
            title,
            created.api_server.text(0),
            created.webhook.text(0),
            added.text(0),
            added.ratio(&null.added(none)).text(2),
        ]);
    }
    table.print();
}

fn aims(all: &[Created]) -> Vec<Aim> {
    let (none, null) = (find(all, Variant::NoWebhook), find(all, Variant::NullWebhook));
    let policy = find(all, Variant::Policy);
    let compared = all.iter().filter(|created| created.variant.is_bulkhead());
    let aims = compared.flat_map(|created| {
        let aim = |figure: &str, found: Figures, target| Aim {
            figure: figure.to_owned(),
            variant: created.variant,
            found: found.text(2),
            target,
        };
        [
            aim(
                "time of a pod's creation, beside the null webhook",
                created.medians.ratio(&null.medians),
                "at most 1.1",
            ),
            aim("the same beside the policy", created.medians.ratio(&policy.medians), "below 1"),
            aim(
                "added processor time, beside what the null webhook adds",
                created.added(none).ratio(&null.added(none)),
                "at most 1.25",
            ),
        ]
    });
    aims.collect()
}

fn find(all: &[Created], variant: Variant) -> &Created {
    all.iter().find(|created| created.variant == variant).expect("every variant is measured")
}
