/** The runs that changed something; each can be undone as a whole, and all since a moment. */
import { Link } from "@tanstack/react-router";
import { Eye, History, Play, Undo2 } from "lucide-react";
import { useState } from "react";

import { call, isActive, useJob, type Job, type SyncPair, type SyncRunRow, type SyncTotals } from "../../api";
import { Button } from "../../components/Button";
import { DataGrid } from "../../components/DataGrid";
import { Confirm } from "../../components/Dialog";
import { Empty, Loading, Section } from "../../components/Page";
import { Status } from "../../components/Status";
import { Trouble } from "../../components/Trouble";
import { classes } from "../../lib/classes";
import { formatExact } from "../../lib/format";
import { useAct, usePages } from "../../lib/queries";
import { endedWords, ranWords, totalsWords } from "../../lib/runWords";
import { t } from "../../text/text";
import { RunsTable } from "../activity/RunsTable";
import { usePausePair, useRunPair } from "./actions";
import { CameBack } from "./CameBack";
import { momentAmong } from "./moments";
import type { PlaceNames } from "./names";
import styles from "./Sync.module.css";
import { UndoSince } from "./UndoSince";
import { UndoTotals } from "./UndoTotals";
import { afterUndoWords, changesOf } from "./words";

/** Whether what a run put into a bin may be there: what it replaced or removed, unless undoing brought it back. */
function putIntoBin(run: SyncRunRow): boolean {
  return !run.undone && [run.left, run.right].some((totals) => totals.replaced > 0 || totals.removed > 0);
}

/** What a run was, in the words of the list of all runs, and when. */
function What({ run, when, names }: { run: SyncRunRow; when: string; names: PlaceNames }) {
  const what = ranWords(run.what, (side) => names[side]);
  return (
    <span className={styles.twoLines}>
      <span title={what} className={styles.cut}>
        {what}
      </span>
      <span title={formatExact(run.startedMs)} className={classes(styles.cut, styles.quiet)}>
        {when}
      </span>
    </span>
  );
}

function Ended({ run }: { run: SyncRunRow }) {
  const { tone, text } = endedWords(run.state);
  return (
    <span className={styles.ended}>
      <Status quiet tone={tone} word={text} />
    </span>
  );
}

/** The changes of one place: two lines of them, all on hover. */
function Changes({ totals }: { totals: SyncTotals }) {
  const text = totalsWords(totals, true);
  return (
    <span title={text} className={styles.changes}>
      {text}
    </span>
  );
}

/** After an undo the pair is paused: a look at what its next run would do, or letting it run. */
function Next({ pair }: { pair: SyncPair }) {
  const run = useRunPair(pair);
  const pause = usePausePair(pair);
  return (
    <>
      <Button icon={Eye} busy={run.isPending} onClick={run.look}>
        {t("sync.look_first")}
      </Button>
      {pair.paused && (
        <Button icon={Play} busy={pause.isPending} onClick={() => pause.mutate({ pairId: pair.id, paused: false })}>
          {t("sync.resume")}
        </Button>
      )}
    </>
  );
}

/** What became of undoing runs: how many of them, and how many items; and what can be done then. */
function Undone({ job, asked, pair }: { job: Job; asked: number; pair: SyncPair }) {
  const actions = <Next pair={pair} />;
  if (asked <= 1) return <CameBack job={job} done="runs.undo_done" stopped="runs.undo_stopped" leftAlone="runs.left_alone" actions={actions} />;
  const runs = job.result?.facts.find(({ key }) => key === "runsUndone")?.value ?? 0;
  const count = job.result?.items ?? 0;
  const heading = runs === asked ? t("runs.since_done", { count, runs: t("count.runs", { count: runs }) }) : t("runs.since_stopped", { count, undone: String(runs), asked: t("count.runs", { count: asked }) });
  return (
    <>
      <CameBack job={job} heading={heading} leftAlone="runs.left_alone" actions={actions} />
      {job.error && <p>{t("runs.since_failed")}</p>}
    </>
  );
}

export function RunsTab({ pair, names }: { pair: SyncPair; names: PlaceNames }) {
  const [undoing, setUndoing] = useState<SyncRunRow>();
  const [isSince, setSince] = useState(false);
  const pages = usePages(
    ["sync.runs", pair.id],
    (offset, limit, signal) => call("sync.runs", { pairId: pair.id, offset, limit }, signal),
    (page) => ({ rows: page.runs, total: page.total }),
    { keep: true },
  );
  const close = () => {
    setUndoing(undefined);
    setSince(false);
  };
  const undo = useAct("sync.undo", {
    renews: ["sync", "job"],
    // How far it is stands above, like that of every run of the pair.
    onDone: () => close(),
    onFailed: () => close(),
  });
  const asked = undo.variables?.runIds.length ?? 0;
  const undone = useJob(undo.data?.jobId);
  if (pages.error) return <Trouble error={pages.error.details} onRetry={pages.again} />;
  if (pages.isPending) return <Loading />;
  if (pages.total === 0) {
    return (
      <Empty icon={History} heading={t("runs.none")}>
        {t("runs.none_text")}
      </Empty>
    );
  }
  const whenOf = (run: SyncRunRow) => momentAmong(run.startedMs, pages.rows.map((row) => row.startedMs));
  return (
    <div className={styles.runs}>
      {undo.error && <Trouble error={undo.error.details} />}
      {undone && !isActive(undone) && <Undone job={undone} asked={asked} pair={pair} />}
      <div className={styles.filters}>
        <Button icon={Undo2} disabled={undo.isPending} onClick={() => setSince(true)}>
          {t("runs.since")}
        </Button>
      </div>
      <DataGrid
        label={t("runs.list")}
        rowHeight={48}
        columns={[
          { id: "what", heading: t("activity.what"), width: "minmax(0, 1.5fr)", cell: (run) => <What run={run} when={whenOf(run)} names={names} /> },
          { id: "state", heading: t("activity.state"), width: "116px", cell: (run) => <Ended run={run} /> },
          { id: "left", heading: t("runs.changed_in", { place: names.left }), width: "minmax(0, 1fr)", cell: (run) => <Changes totals={run.left} /> },
          { id: "right", heading: t("runs.changed_in", { place: names.right }), width: "minmax(0, 1fr)", cell: (run) => <Changes totals={run.right} /> },
          {
            id: "do",
            heading: t("runs.undo"),
            width: "190px",
            end: true,
            cell: (run) => (
              <>
                {putIntoBin(run) && (
                  <Link to="/sync/$pairId" params={{ pairId: pair.id }} search={{ tab: "bin", run: run.runId }}>
                    {t("runs.see_bin")}
                  </Link>
                )}
                {run.undone ? (
                  <span className={styles.quiet}>{t("runs.undone")}</span>
                ) : (
                  <Button disabled={!run.canUndo} aria-label={t("runs.undo_label", { when: whenOf(run) })} onClick={() => setUndoing(run)}>
                    {t("runs.undo")}
                  </Button>
                )}
              </>
            ),
          },
        ]}
        rows={pages.rows}
        total={pages.total}
        rowKey={(run) => run.runId}
        onMore={pages.more}
        maxHeight={260}
      />
      <Section heading={t("runs.all")}>
        <RunsTable filter={{ pairId: pair.id }} names={names} />
      </Section>
      <Confirm
        open={undoing !== undefined}
        onClose={() => setUndoing(undefined)}
        onConfirm={() => undoing && undo.mutate({ pairId: pair.id, runIds: [undoing.runId] })}
        busy={undo.isPending}
        danger
        heading={undoing ? t("runs.undo_heading", { when: whenOf(undoing), changes: t("runs.since_changes", { count: changesOf(undoing.left) + changesOf(undoing.right) }) }) : ""}
        confirm={t("runs.undo_do")}
      >
        {undoing && <UndoTotals names={names} counts={{ left: changesOf(undoing.left), right: changesOf(undoing.right) }} />}
        <p>
          {t("runs.undo_text")} {afterUndoWords(pair)}
        </p>
      </Confirm>
      {isSince && <UndoSince pair={pair} names={names} busy={undo.isPending} onClose={() => setSince(false)} onUndo={(runIds) => undo.mutate({ pairId: pair.id, runIds })} />}
    </div>
  );
}
