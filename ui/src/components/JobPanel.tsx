/** A run as it goes: what it does now, how far, how fast, how long still, what went wrong; and its brakes. */
import { Link } from "@tanstack/react-router";
import { Pause, Play, RotateCcw, Square } from "lucide-react";
import { useState } from "react";

import { isActive, showJob, type Job } from "../api";
import { formatBytes, formatDuration, formatPercent, formatRate } from "../lib/format";
import { useAct } from "../lib/queries";
import { sparkPoints } from "../lib/timeline";
import { PHASE, STATE, shareOf } from "../lib/words";
import { t } from "../text/text";
import { Button, LinkButton } from "./Button";
import { Confirm } from "./Dialog";
import styles from "./JobPanel.module.css";
import { tellFailed } from "./news";
import { Notice } from "./Page";
import { useRateHistory } from "./rateHistory";
import { Status } from "./Status";
import { PathText, ProgressBar } from "./Values";

const SPARK_WIDTH = 120;
const SPARK_HEIGHT = 28;

function Spark({ values }: { values: readonly number[] }) {
  return (
    <svg role="img" aria-label={t("run.rate_label")} viewBox={`0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}`} className={styles.spark}>
      <polyline points={sparkPoints(values, SPARK_WIDTH, SPARK_HEIGHT - 2)} transform="translate(0 1)" />
    </svg>
  );
}

const CANCEL_MEANS = {
  backup: "run.cancel_backup",
  restore: "run.cancel_restore",
  check: "run.cancel_check",
  sync: "run.cancel_sync",
  replicate: "run.cancel_replicate",
} as const;

/** The buttons of a run: only those that do something now. */
export function JobActions({ job, quiet = false }: { job: Job; quiet?: boolean }) {
  const [asking, setAsking] = useState(false);
  const tell = { onDone: showJob, onFailed: (failure: Error) => tellFailed(failure.message) };
  const pause = useAct("job.pause", tell);
  const resume = useAct("job.resume", tell);
  const confirm = useAct("job.confirm", tell);
  const cancel = useAct("job.cancel", {
    ...tell,
    onDone: (answer) => {
      showJob(answer);
      setAsking(false);
    },
  });
  const jobId = job.id;
  const waits = job.state === "halted" || job.state === "waitingForConfirmation";
  return (
    <>
      {waits && job.pairId !== null && (
        <LinkButton kind="primary" to="/sync/$pairId" params={{ pairId: job.pairId }} search={{}}>
          {t("run.decide")}
        </LinkButton>
      )}
      {job.state === "halted" && job.pairId === null && (
        <Button kind="primary" busy={confirm.isPending} onClick={() => confirm.mutate({ jobId })}>
          {t("run.confirm")}
        </Button>
      )}
      {job.canPause && (
        <Button icon={Pause} kind={quiet ? "quiet" : "plain"} busy={pause.isPending} onClick={() => pause.mutate({ jobId })}>
          {t("run.pause")}
        </Button>
      )}
      {job.canResume && (
        <Button icon={Play} kind={quiet ? "quiet" : "plain"} busy={resume.isPending} onClick={() => resume.mutate({ jobId })}>
          {t("run.resume")}
        </Button>
      )}
      {job.canCancel && (
        <Button icon={Square} kind={quiet ? "quiet" : "plain"} onClick={() => setAsking(true)}>
          {t("run.cancel")}
        </Button>
      )}
      <Confirm
        open={asking && job.canCancel}
        onClose={() => setAsking(false)}
        onConfirm={() => cancel.mutate({ jobId })}
        busy={cancel.isPending}
        danger
        heading={t("run.cancel_heading")}
        confirm={t("run.cancel_confirm")}
      >
        {t(CANCEL_MEANS[job.kind])}
      </Confirm>
    </>
  );
}

/** Does the same again, where it may. */
export function RetryButton({ job, onStarted }: { job: Job; onStarted?: (jobId: string) => void }) {
  const retry = useAct("job.retry", {
    renews: ["job", "plan"],
    onDone: ({ jobId }) => onStarted?.(jobId),
    onFailed: (failure) => tellFailed(failure.message),
  });
  if (!job.canRetry) return null;
  return (
    <Button icon={RotateCcw} busy={retry.isPending} onClick={() => retry.mutate({ jobId: job.id })}>
      {job.state === "succeeded" || job.state === "succeededWithProblems" ? t("run.again") : t("run.retry")}
    </Button>
  );
}

function numbers(job: Job): string[] {
  const progress = job.progress;
  if (!progress) return [];
  const done = progress.itemsDone;
  const total = progress.itemsTotal;
  return [
    progress.totalKnown ? t("run.items_of", { done, total }) : t("run.items_so_far", { done, total }),
    progress.bytesTotal > 0 ? t("run.bytes_of", { done: formatBytes(progress.bytesDone), total: formatBytes(progress.bytesTotal) }) : "",
    progress.bytesWritten > 0 ? t("run.written", { size: formatBytes(progress.bytesWritten) }) : "",
    job.state === "running" && progress.bytesPerSecond > 0 ? formatRate(progress.bytesPerSecond) : "",
    t("run.elapsed", { time: formatDuration(progress.elapsedMs) }),
    job.state === "running" && progress.remainingMs !== null ? t("run.left", { time: formatDuration(progress.remainingMs) }) : "",
  ].filter((part) => part !== "");
}

/** The states in which a run has something to show of its way. */
const MOVING = new Set<Job["state"]>(["planning", "running", "paused"]);

/** The whole picture of an active run. */
export function JobPanel({ job, link = false }: { job: Job; link?: boolean }) {
  const rates = useRateHistory(job);
  const share = shareOf(job);
  const progress = job.progress;
  return (
    <section aria-label={t("run.progress_of", { title: job.title })} className={styles.panel}>
      <div className={styles.head}>
        <Status tone={STATE[job.state].tone} word={t(STATE[job.state].text)} />
        <span className={styles.phase} aria-live="polite">
          {progress && job.state === "running" && t(PHASE[progress.phase])}
          {job.waitingFor !== null && t("run.waiting_for", { what: job.waitingFor })}
        </span>
        <span className={styles.actions}>
          {link && (
            <Link to="/activity/$jobId" params={{ jobId: job.id }} className={styles.link}>
              {t("run.open")}
            </Link>
          )}
          <JobActions job={job} />
        </span>
      </div>
      {job.halt !== null && (
        <Notice tone="asking" heading={job.halt.reason}>
          {job.halt.ifContinued !== "" && <p>{t("run.halt_means", { means: job.halt.ifContinued })}</p>}
        </Notice>
      )}
      {progress && MOVING.has(job.state) && (
        <div className={styles.body}>
          <div className={styles.measure}>
            <div className={styles.barLine}>
              <ProgressBar share={share} label={t("common.progress")} paused={job.state !== "running"} />
              <span className={styles.percent}>{share === undefined ? "" : formatPercent(share)}</span>
            </div>
            <p className={styles.numbers}>
              {numbers(job).map((part, index) => (
                <span key={index}>{part}</span>
              ))}
              {job.problems > 0 && <Status quiet tone="warn" word={t("count.problems", { count: job.problems })} />}
            </p>
            <p className={styles.current}>{progress.current !== "" && isActive(job) && <PathText path={progress.current} />}</p>
          </div>
          {rates.length > 1 && <Spark values={rates} />}
        </div>
      )}
      {!job.here && !job.canCancel && <p className={styles.numbers}>{t("run.elsewhere")}</p>}
    </section>
  );
}
