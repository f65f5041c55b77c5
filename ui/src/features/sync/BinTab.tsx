/** What runs replaced or removed and still keep: found by name, brought back to where it was, or removed for good. */
import { useNavigate } from "@tanstack/react-router";
import { Trash2, Undo2 } from "lucide-react";
import { useState } from "react";

import { call, isActive, useJob, type BinWhy, type SyncBinRow, type SyncPair } from "../../api";
import { Button } from "../../components/Button";
import { DataGrid } from "../../components/DataGrid";
import { Confirm } from "../../components/Dialog";
import { SearchInput } from "../../components/Form";
import { Empty, Loading } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { Moment, PathText, Size } from "../../components/Values";
import { formatBytes } from "../../lib/format";
import { useAct, usePages } from "../../lib/queries";
import { t, type TextKey } from "../../text/text";
import { EntryIcon } from "../browse/EntryIcon";
import { CameBack } from "./CameBack";
import type { PlaceNames } from "./names";
import styles from "./Sync.module.css";
import { afterBringBack, type AfterBringBack } from "./words";

const BIN_WHY: Record<BinWhy, TextKey & `bin.why.${string}`> = { replaced: "bin.why.replaced", removed: "bin.why.removed", found: "bin.why.found" };

const MEANS = { carried: "bin.bring_back_means", again: "bin.bring_back_again", stays: "bin.bring_back_stays" } as const;
const DONE = { carried: "bin.done", again: "bin.done_again", stays: "bin.done_stays" } as const;

/** What the next run does with the items; of several sides, what a person has to know first. */
function next(pair: SyncPair, rows: SyncBinRow[]): AfterBringBack {
  const all = rows.map((row) => afterBringBack(pair.mode, row.side));
  return (["again", "stays"] as const).find((one) => all.includes(one)) ?? "carried";
}

type Deed = "bringBack" | "remove";

export function BinTab({ pair, names, runId }: { pair: SyncPair; names: PlaceNames; runId: string | undefined }) {
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState<ReadonlyMap<string, SyncBinRow>>(new Map());
  const [asking, setAsking] = useState<Deed>();
  const [done, setDone] = useState<{ deed: Deed; jobId: string; next: AfterBringBack }>();
  const question = { pairId: pair.id, ...(text.trim() === "" ? {} : { text: text.trim() }), ...(runId === undefined ? {} : { runId }) };
  const pages = usePages(
    ["sync.bin", question],
    (offset, limit, signal) => call("sync.bin", { ...question, offset, limit }, signal),
    (page) => ({ rows: page.rows, total: page.total }),
    { keep: true },
  );
  // How far it is stands above, like that of every run of the pair.
  const started = (deed: Deed) => (job: { jobId: string }) => {
    setDone({ deed, jobId: job.jobId, next: next(pair, [...chosen.values()]) });
    setAsking(undefined);
    setChosen(new Map());
  };
  const onFailed = () => setAsking(undefined);
  const bringBack = useAct("sync.binRestore", { renews: ["sync", "job"], onDone: started("bringBack"), onFailed });
  const remove = useAct("sync.binRemove", { renews: ["sync", "job"], onDone: started("remove"), onFailed });
  const job = useJob(done?.jobId);
  const cameBack =
    job &&
    !isActive(job) &&
    (done?.deed === "remove" ? (
      <CameBack job={job} done="bin.remove_done" stopped="bin.remove_stopped" leftAlone="bin.remove_problems" />
    ) : (
      <CameBack job={job} done={DONE[done?.next ?? "carried"]} stopped="bin.stopped" leftAlone="bin.problems" />
    ));
  if (pages.error) return <Trouble error={pages.error.details} onRetry={pages.again} />;
  if (pages.isPending) return <Loading />;
  if (pages.total === 0 && text.trim() === "" && runId === undefined) {
    return (
      <div className={styles.tabBody}>
        {cameBack}
        <Empty icon={Trash2} heading={t(pair.differs === "baseLost" ? "bin.not_known" : "bin.none")}>
          {t(pair.differs === "baseLost" ? "bin.not_known_text" : "bin.none_text")}
        </Empty>
      </div>
    );
  }
  const choose = (row: SyncBinRow, on: boolean) => {
    const next = new Map(chosen);
    if (on) next.set(row.id, row);
    else next.delete(row.id);
    setChosen(next);
  };
  const ids = [...chosen.keys()];
  const bytes = [...chosen.values()].reduce((sum, row) => sum + row.sizeBytes, 0);
  const error = bringBack.error ?? remove.error;
  return (
    <div className={styles.tabBody}>
      <div className={styles.filters}>
        <span className={styles.filterWide}>
          <SearchInput label={t("bin.search")} value={text} onValue={setText} />
        </span>
        {runId !== undefined && (
          <>
            <span>{t("bin.of_run")}</span>
            <Button onClick={() => void navigate({ to: "/sync/$pairId", params: { pairId: pair.id }, search: { tab: "bin" } })}>{t("bin.all_runs")}</Button>
          </>
        )}
        <span className={styles.quiet}>{t("bin.size", { size: formatBytes(pages.first?.bytes ?? 0) })}</span>
        {chosen.size > 0 ? (
          <Button onClick={() => setChosen(new Map())}>{t("bin.choose_none")}</Button>
        ) : (
          pages.rows.length > 1 && (
            <Button onClick={() => setChosen(new Map(pages.rows.map((row) => [row.id, row])))}>
              {t(pages.rows.length < pages.total ? "bin.choose_shown" : "bin.choose_all", { count: pages.rows.length })}
            </Button>
          )
        )}
        <span className={styles.push}>
          <Button icon={Trash2} disabled={chosen.size === 0} onClick={() => setAsking("remove")}>
            {t("bin.remove")}
          </Button>
          <Button kind="primary" icon={Undo2} disabled={chosen.size === 0} onClick={() => setAsking("bringBack")}>
            {chosen.size === 0 ? t("bin.do_it") : t("bin.bring_back", { count: chosen.size })}
          </Button>
        </span>
      </div>
      {error && <Trouble error={error.details} />}
      {cameBack}
      <DataGrid
        label={t("bin.heading")}
        columns={[
          {
            id: "path",
            heading: t("common.path"),
            width: "minmax(0, 1.4fr)",
            cell: (row) => (
              <>
                <EntryIcon type={row.entryType} />
                <PathText path={row.path.display} />
              </>
            ),
          },
          { id: "why", heading: t("bin.why"), width: "96px", cell: (row) => t(BIN_WHY[row.why]) },
          { id: "where", heading: t("bin.where"), width: "minmax(0, 0.7fr)", cell: (row) => <span title={names[row.side]}>{names[row.side]}</span> },
          { id: "when", heading: t("bin.when"), width: "124px", cell: (row) => <Moment at={row.binnedMs} /> },
          { id: "changed", heading: t("bin.changed"), width: "124px", cell: (row) => row.modifiedMs !== null && <Moment at={row.modifiedMs} /> },
          { id: "size", heading: t("common.size"), width: "88px", end: true, cell: (row) => row.entryType === "file" && <Size bytes={row.sizeBytes} /> },
        ]}
        rows={pages.rows}
        total={pages.total}
        rowKey={(row) => row.id}
        onMore={pages.more}
        choosing={{ isChosen: (row) => chosen.has(row.id), onChoose: choose, label: (row) => t("bin.choose", { path: row.path.display }) }}
        empty={<p className={styles.noMatch}>{t(runId !== undefined && text.trim() === "" ? "bin.none_of_run" : "bin.none_match")}</p>}
      />
      <Confirm
        open={asking === "bringBack"}
        onClose={() => setAsking(undefined)}
        onConfirm={() => bringBack.mutate({ pairId: pair.id, ids })}
        busy={bringBack.isPending}
        heading={t("bin.confirm", { count: chosen.size })}
        confirm={t("bin.do_it")}
      >
        {t(MEANS[next(pair, [...chosen.values()])], { count: chosen.size })}
      </Confirm>
      <Confirm
        open={asking === "remove"}
        danger
        onClose={() => setAsking(undefined)}
        onConfirm={() => remove.mutate({ pairId: pair.id, ids })}
        busy={remove.isPending}
        heading={t("bin.remove_confirm", { count: chosen.size })}
        confirm={t("bin.remove")}
      >
        {t("bin.remove_means", { size: formatBytes(bytes) })}
      </Confirm>
    </div>
  );
}
