//! Builds the account of how an answer came about.

use std::time::Instant;

use vivier_proto::v1;

/// Collects what each stage did.
#[derive(Debug, Default)]
pub(crate) struct Report {
    wire: v1::MatchReport,
}

impl Report {
    /// Records a stage that began at `started` and ends now.
    pub(crate) fn stage(&mut self, name: &str, started: Instant) {
        let seconds = started.elapsed().as_secs_f64();
        self.wire.stages.push(v1::Stage {
            name: name.to_owned(),
            seconds,
        });
    }

    /// Records that a stage did not do its part.
    pub(crate) fn degraded(&mut self, stage: &str, text: String) {
        self.wire.degradations.push(v1::Degradation {
            stage: stage.to_owned(),
            text,
        });
    }

    /// Records a model that took part; none is named twice.
    pub(crate) fn model(&mut self, version: &v1::ModelVersion) {
        if !self.wire.models.contains(version) {
            self.wire.models.push(version.clone());
        }
    }

    /// Records the length of the query in tokens: used, and in all.
    pub(crate) fn tokens(&mut self, used: u32, all: u32) {
        self.wire.query_tokens_used = used;
        self.wire.query_tokens = all;
    }

    /// Records what one shard did.
    pub(crate) fn shard(&mut self, shard: usize, statistics: Option<v1::SearchStatistics>) {
        self.wire.shards_answered += 1;
        let Some(statistics) = statistics else { return };
        self.wire.searched += statistics.points;
        let plan = plan_name(statistics.plan);
        self.wire.plans.push(format!("shard {}: {plan}", shard + 1));
    }

    /// Records how many shards were asked and how many profiles came.
    pub(crate) fn retrieval(&mut self, asked: usize, retrieved: usize) {
        self.wire.shards_asked = u32::try_from(asked).unwrap_or(u32::MAX);
        self.wire.retrieved = u32::try_from(retrieved).unwrap_or(u32::MAX);
    }

    /// Records what was added to the query and what that changed.
    pub(crate) fn expansion(&mut self, expansion: v1::ExpansionReport) {
        self.wire.expansion = Some(expansion);
    }

    /// Returns the first part that did not work, if any.
    pub(crate) fn first_problem(&self) -> Option<&str> {
        let first = self.wire.degradations.first();
        first.map(|degradation| degradation.text.as_str())
    }

    /// Returns the message.
    pub(crate) fn finish(self) -> v1::MatchReport {
        self.wire
    }
}

fn plan_name(plan: i32) -> &'static str {
    match v1::SearchPlan::try_from(plan) {
        Ok(v1::SearchPlan::Exact) => "exact",
        Ok(v1::SearchPlan::Graph) => "graph",
        Ok(v1::SearchPlan::FilteredScan) => "filtered scan",
        Ok(v1::SearchPlan::FilteredGraph) => "filtered graph",
        Ok(v1::SearchPlan::Unspecified) | Err(_) => "unknown",
    }
}
