//! The kinds with a pod template.

use super::{Field, fields, free, metadata, pod, volume_claim};

pub(super) static POD_TEMPLATE: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    fields("template", pod::TEMPLATE),
];

pub(super) static REPLICATION_CONTROLLER: &[Field] = REPLICA_SET;

pub(super) static DAEMON_SET: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    free("spec.minReadySeconds"),
    free("spec.revisionHistoryLimit"),
    free("spec.selector"),
    fields("spec.template", pod::TEMPLATE),
    free("spec.updateStrategy"),
    free("status"),
];

pub(super) static DEPLOYMENT: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    free("spec.minReadySeconds"),
    free("spec.paused"),
    free("spec.progressDeadlineSeconds"),
    free("spec.replicas"),
    free("spec.revisionHistoryLimit"),
    free("spec.selector"),
    free("spec.strategy"),
    fields("spec.template", pod::TEMPLATE),
    free("status"),
];

pub(super) static REPLICA_SET: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    free("spec.minReadySeconds"),
    free("spec.replicas"),
    free("spec.selector"),
    fields("spec.template", pod::TEMPLATE),
    free("status"),
];

pub(super) static STATEFUL_SET: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    free("spec.minReadySeconds"),
    free("spec.ordinals"),
    free("spec.persistentVolumeClaimRetentionPolicy"),
    free("spec.podManagementPolicy"),
    free("spec.replicas"),
    free("spec.revisionHistoryLimit"),
    free("spec.selector"),
    free("spec.serviceName"),
    fields("spec.template", pod::TEMPLATE),
    free("spec.updateStrategy"),
    free("spec.volumeClaimTemplates[].apiVersion"),
    free("spec.volumeClaimTemplates[].kind"),
    free("spec.volumeClaimTemplates[].metadata"),
    fields("spec.volumeClaimTemplates[].spec", volume_claim::SPEC),
    free("spec.volumeClaimTemplates[].status"),
    free("status"),
];

pub(super) static CRON_JOB: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    free("spec.concurrencyPolicy"),
    free("spec.failedJobsHistoryLimit"),
    fields("spec.jobTemplate.metadata", metadata::TABLE),
    fields("spec.jobTemplate.spec", JOB_SPEC),
    free("spec.schedule"),
    free("spec.startingDeadlineSeconds"),
    free("spec.successfulJobsHistoryLimit"),
    free("spec.suspend"),
    free("spec.timeZone"),
    free("status"),
];

pub(super) static JOB: &[Field] = &[
    free("apiVersion"),
    free("kind"),
    fields("metadata", metadata::TABLE),
    fields("spec", JOB_SPEC),
    free("status"),
];

static JOB_SPEC: &[Field] = &[
    free("activeDeadlineSeconds"),
    free("backoffLimit"),
    free("backoffLimitPerIndex"),
    free("completionMode"),
    free("completions"),
    free("managedBy"),
    free("manualSelector"),
    free("maxFailedIndexes"),
    free("parallelism"),
    free("podFailurePolicy"),
    free("podReplacementPolicy"),
    free("selector"),
    free("successPolicy"),
    free("suspend"),
    fields("template", pod::TEMPLATE),
    free("ttlSecondsAfterFinished"),
];
