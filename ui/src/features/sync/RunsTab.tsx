/** The runs that changed something; each can be undone as a whole. */
import { Link } from "@tanstack/react-router";
import { History } from "lucide-react";
import { useState } from "react";

import { call, isActive, useJob, type SyncPair, type SyncRunRow } from "../../api";
import { Button } from "../../components/Button";
import { DataGrid } from "../../components/DataGrid";
import { Confirm } from "../../components/Dialog";
import { Empty, Loading, Section } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { Moment } from "../../components/Values";
import { formatMoment } from "../../lib/format";
import { useAct, usePages } from "../../lib/queries";
import { t } from "../../text/text";
import { RunsTable } from "../activity/RunsTable";
import { CameBack } from "./CameBack";
import type { PlaceNames } from "./names";
import styles from "./Sync.module.css";
import { totalsWords } from "./words";

export function RunsTab({ pair, names }: { pair: SyncPair; names: PlaceNames }) {
  const [undoing, setUndoing] = useState<SyncRunRow>();
  const pages = usePages(
    ["sync.runs", pair.id],
    (offset, limit, signal) => call("sync.runs", { pairId: pair.id, offset, limit }, signal),
    (page) => ({ rows: page.runs, total: page.total }),
    { keep: true },
  );
  const undo = useAct("sync.undo", {
    renews: ["sync", "job"],
    // How far it is stands above, like that of every run of the pair.
    onDone: () => setUndoing(undefined),
    onFailed: () => setUndoing(undefined),
  });
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
  return (
    <div className={styles.tabBody}>
      {undo.error && <Trouble error={undo.error.details} />}
      {undone && !isActive(undone) && <CameBack job={undone} done="runs.undo_done" stopped="runs.undo_stopped" leftAlone="runs.left_alone" />}
      <DataGrid
        label={t("runs.list")}
        rowHeight={42}
        columns={[
          { id: "when", heading: t("runs.when"), width: "136px", cell: (run) => <Moment at={run.startedMs} /> },
          { id: "left", heading: t("runs.changed_in", { place: names.left }), width: "minmax(0, 1fr)", cell: (run) => <span title={totalsWords(run.left)} className={styles.cut}>{totalsWords(run.left)}</span> },
          { id: "right", heading: t("runs.changed_in", { place: names.right }), width: "minmax(0, 1fr)", cell: (run) => <span title={totalsWords(run.right)} className={styles.cut}>{totalsWords(run.right)}</span> },
          {
            id: "do",
            heading: t("runs.undo"),
            width: "230px",
            end: true,
            cell: (run) => (
              <>
                <Link to="/sync/$pairId" params={{ pairId: pair.id }} search={{ tab: "bin", run: run.runId }}>
                  {t("runs.see_bin")}
                </Link>
                {run.undone ? (
                  <span className={styles.quiet}>{t("runs.undone")}</span>
                ) : (
                  <Button disabled={!run.canUndo} aria-label={t("runs.undo_label", { when: formatMoment(run.startedMs) })} onClick={() => setUndoing(run)}>
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
        <RunsTable filter={{ pairId: pair.id }} />
      </Section>
      <Confirm
        open={undoing !== undefined}
        onClose={() => setUndoing(undefined)}
        onConfirm={() => undoing && undo.mutate({ pairId: pair.id, runId: undoing.runId })}
        busy={undo.isPending}
        danger
        heading={t("runs.undo_heading", { when: undoing ? formatMoment(undoing.startedMs) : "" })}
        confirm={t("runs.undo_do")}
      >
        {t("runs.undo_text")}
      </Confirm>
    </div>
  );
}
