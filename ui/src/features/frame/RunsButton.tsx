/** The runs of this moment in the title bar: how far, pause all, and each of them one press away. */
import { Popover } from "@base-ui/react/popover";
import { Link } from "@tanstack/react-router";
import { Pause, Play } from "lucide-react";
import { useState } from "react";

import { isActive, useJobs, type Job } from "../../api";
import { Button } from "../../components/Button";
import { JobActions } from "../../components/JobPanel";
import overlay from "../../components/Overlay.module.css";
import { StatusIcon } from "../../components/Status";
import { tellFailed } from "../../components/news";
import { ProgressBar } from "../../components/Values";
import { formatPercent } from "../../lib/format";
import { useAct } from "../../lib/queries";
import { shareOf, STATE } from "../../lib/words";
import { t } from "../../text/text";
import styles from "./RunsButton.module.css";

/** How far all of them together are: the mean of those that can say it. */
function meanShare(jobs: Job[]): number | undefined {
  const shares = jobs.map(shareOf).filter((share) => share !== undefined);
  return shares.length === 0 ? undefined : shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

function PauseAll({ jobs }: { jobs: Job[] }) {
  const tell = { onFailed: (failure: Error) => tellFailed(failure.message) };
  const pause = useAct("job.pauseAll", tell);
  const resume = useAct("job.resumeAll", tell);
  if (jobs.some((job) => job.canPause)) {
    return (
      <Button icon={Pause} busy={pause.isPending} onClick={() => pause.mutate({})}>
        {t("frame.pause_all")}
      </Button>
    );
  }
  if (!jobs.some((job) => job.canResume)) return null;
  return (
    <Button icon={Play} busy={resume.isPending} onClick={() => resume.mutate({})}>
      {t("frame.resume_all")}
    </Button>
  );
}

function Row({ job, onLeave }: { job: Job; onLeave: () => void }) {
  const share = shareOf(job);
  return (
    <li className={styles.row}>
      <div className={styles.rowHead}>
        <StatusIcon tone={STATE[job.state].tone} />
        <Link to="/activity/$jobId" params={{ jobId: job.id }} onClick={onLeave} className={styles.title}>
          {job.title}
        </Link>
        <span className={styles.share}>{share === undefined ? t(STATE[job.state].text) : formatPercent(share)}</span>
      </div>
      <ProgressBar share={share ?? (job.state === "queued" ? 0 : undefined)} label={t("run.progress_of", { title: job.title })} paused={job.state !== "running"} />
      <div className={styles.rowActions}>
        <JobActions job={job} quiet />
      </div>
    </li>
  );
}

/** What the title bar says of the only run there is: of a plan, whom it waits for. */
function titleOf(job: Job): string {
  return job.state === "waitingForConfirmation" ? t("frame.plan_waits") : job.title;
}

export function RunsButton() {
  const [open, setOpen] = useState(false);
  const { jobs } = useJobs();
  const active = [...jobs.values()].filter(isActive).sort((left, right) => left.queuedMs - right.queuedMs);
  const share = meanShare(active);
  const running = active.some((job) => job.state === "running" || job.state === "planning");
  const asking = active.some((job) => job.state === "halted" || job.state === "waitingForConfirmation");
  const tone = asking ? "asking" : running ? "running" : active.length > 0 ? "paused" : "ok";
  return (
    <div className={styles.runs}>
      <PauseAll jobs={active} />
      <Popover.Root open={open} onOpenChange={setOpen}>
        <Popover.Trigger className={styles.trigger}>
          <StatusIcon tone={tone} />
          {active.length > 0 && <span className="only-spoken">{t("frame.running_now", { count: active.length })}</span>}
          <span className={styles.triggerText}>
            {active.length === 0 ? t("frame.nothing_runs") : active.length === 1 ? (active[0] ? titleOf(active[0]) : "") : t("count.runs", { count: active.length })}
          </span>
          {share !== undefined && <span className={styles.share}>{formatPercent(share)}</span>}
        </Popover.Trigger>
        <Popover.Portal>
          <Popover.Positioner sideOffset={6} align="end" className={overlay.positioner}>
            <Popover.Popup className={overlay.popover} aria-label={t("frame.runs")}>
              {active.length === 0 ? (
                <p className={styles.none}>{t("frame.nothing_runs")}</p>
              ) : (
                <ul>
                  {active.map((job) => (
                    <Row key={job.id} job={job} onLeave={() => setOpen(false)} />
                  ))}
                </ul>
              )}
              <div className={styles.all}>
                <Link to="/activity" onClick={() => setOpen(false)}>
                  {t("frame.see_all")}
                </Link>
              </div>
            </Popover.Popup>
          </Popover.Positioner>
        </Popover.Portal>
      </Popover.Root>
    </div>
  );
}
