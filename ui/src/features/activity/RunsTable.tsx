/** Runs as a table, the ones that go on kept fresh by what the engine tells. */
import { useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { call, useJobs, type Job, type JobList } from "../../api";
import { DataGrid } from "../../components/DataGrid";
import { Loading } from "../../components/Page";
import { Status } from "../../components/Status";
import { Trouble } from "../../components/Trouble";
import { Moment, Size } from "../../components/Values";
import { formatCount, formatDuration, formatPercent } from "../../lib/format";
import { usePages } from "../../lib/queries";
import { KIND, shareOf, STATE } from "../../lib/words";
import { t } from "../../text/text";
import { Empty } from "../../components/Page";
import { Activity } from "lucide-react";
import { freshen } from "./freshen";
import styles from "./Activity.module.css";

function took(job: Job): string {
  if (job.startedMs === null) return "";
  if (job.finishedMs !== null) return formatDuration(job.finishedMs - job.startedMs);
  const share = shareOf(job);
  return share === undefined ? "" : formatPercent(share);
}

export function RunsTable({ filter, empty }: { filter: Pick<JobList, "kinds" | "states" | "planId" | "placeId" | "pairId">; empty?: ReactNode }) {
  const navigate = useNavigate();
  const { jobs } = useJobs();
  const pages = usePages(
    ["job.list", filter],
    (offset, limit, signal) => call("job.list", { ...filter, offset, limit }, signal),
    (page) => ({ rows: page.jobs, total: page.total }),
    { keep: true },
  );
  if (pages.error) return <Trouble error={pages.error.details} onRetry={pages.again} />;
  if (pages.isPending) return <Loading />;
  const rows = freshen(pages.rows, jobs, filter);
  return (
    <DataGrid
      label={t("activity.runs")}
      columns={[
        { id: "state", heading: t("activity.state"), width: "172px", cell: (job) => <Status tone={STATE[job.state].tone} word={t(STATE[job.state].text)} /> },
        { id: "kind", heading: t("activity.kind"), width: "104px", cell: (job) => t(KIND[job.kind]) },
        { id: "what", heading: t("activity.what"), width: "minmax(0, 1fr)", cell: (job) => <span title={job.title} className={styles.what}>{job.title}</span> },
        { id: "started", heading: t("activity.started"), width: "124px", cell: (job) => <Moment at={job.startedMs ?? job.queuedMs} /> },
        { id: "took", heading: t("activity.took"), width: "96px", end: true, cell: took },
        { id: "stored", heading: t("activity.stored"), width: "92px", end: true, cell: (job) => (job.result ? <Size bytes={job.result.bytesWritten} /> : "") },
        { id: "problems", heading: t("activity.problems"), width: "84px", end: true, cell: (job) => (job.problems > 0 ? formatCount(job.problems) : "") },
      ]}
      rows={rows}
      total={Math.max(pages.total, rows.length)}
      rowKey={(job) => job.id}
      onMore={pages.more}
      onOpen={(job) => void navigate({ to: "/activity/$jobId", params: { jobId: job.id } })}
      empty={
        empty ?? (
          <Empty icon={Activity} heading={t("activity.empty")}>
            {t("activity.empty_text")}
          </Empty>
        )
      }
    />
  );
}
