/** Runs as a table, the ones that go on kept fresh by what the engine tells. */
import { useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { call, useJobs, type Job, type JobList } from "../../api";
import { DataGrid } from "../../components/DataGrid";
import { Loading } from "../../components/Page";
import { Status } from "../../components/Status";
import { Trouble } from "../../components/Trouble";
import { Moment, Size } from "../../components/Values";
import { classes } from "../../lib/classes";
import { formatCount, formatDuration, formatPercent } from "../../lib/format";
import { usePages } from "../../lib/queries";
import { howItEnded, whatItDid, whatRan, whatRanWhere } from "../../lib/runWords";
import { KIND, shareOf } from "../../lib/words";
import { t } from "../../text/text";
import { Empty } from "../../components/Page";
import { Activity } from "lucide-react";
import type { PlaceNames } from "../sync/names";
import { freshen } from "./freshen";
import styles from "./Activity.module.css";

function took(job: Job): string {
  if (job.startedMs === null) return "";
  if (job.finishedMs !== null) return formatDuration(job.finishedMs - job.startedMs);
  const share = shareOf(job);
  return share === undefined ? "" : formatPercent(share);
}

interface RunsTableProps {
  filter: Pick<JobList, "kinds" | "states" | "planId" | "placeId" | "pairId">;
  empty?: ReactNode;
  /** Of the runs of one pair: what its places are called. */
  names?: PlaceNames;
}

/** What a run was, and what it did. Among runs of other pairs and plans it says whose it is. */
function What({ job, names }: { job: Job; names: PlaceNames | undefined }) {
  const what = names ? whatRan(job, (side) => names[side]) : whatRanWhere(job);
  const did = whatItDid(job);
  return (
    <span className={styles.twoLines}>
      <span title={what} className={styles.what}>
        {what}
      </span>
      {did !== "" && (
        <span title={did} className={classes(styles.what, styles.quiet)}>
          {did}
        </span>
      )}
    </span>
  );
}

function Ended({ job }: { job: Job }) {
  const { tone, text } = howItEnded(job);
  return <Status tone={tone} word={text} />;
}

export function RunsTable({ filter, empty, names }: RunsTableProps) {
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
      rowHeight={48}
      columns={[
        { id: "state", heading: t("activity.state"), width: "180px", cell: (job) => <Ended job={job} /> },
        // All runs of a pair are of one kind.
        ...(names ? [] : [{ id: "kind", heading: t("activity.kind"), width: "92px", cell: (job: Job) => t(KIND[job.kind]) }]),
        { id: "what", heading: t("activity.what"), width: "minmax(0, 1fr)", cell: (job) => <What job={job} names={names} /> },
        { id: "started", heading: t("activity.started"), width: "116px", cell: (job) => <Moment at={job.startedMs ?? job.queuedMs} /> },
        { id: "took", heading: t("activity.took"), width: "84px", end: true, optional: true, cell: took },
        { id: "stored", heading: t("activity.stored"), width: "84px", end: true, optional: true, cell: (job) => (job.result ? <Size bytes={job.result.bytesWritten} /> : "") },
        { id: "problems", heading: t("activity.problems"), width: "80px", end: true, cell: (job) => (job.problems > 0 ? formatCount(job.problems) : "") },
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
