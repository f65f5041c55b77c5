/** What waits for a decision: one by one, or many at once. */
import { useNavigate } from "@tanstack/react-router";
import { CircleCheck } from "lucide-react";
import { useState } from "react";

import { call, type ConflictChoice, type SyncConflict, type SyncPair, type SyncSide } from "../../api";
import { Button, LinkButton } from "../../components/Button";
import { DataGrid } from "../../components/DataGrid";
import { Confirm } from "../../components/Dialog";
import { SearchInput } from "../../components/Form";
import { Empty, Loading } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { PathText } from "../../components/Values";
import { formatBytes } from "../../lib/format";
import { useAct, useAsk, usePages } from "../../lib/queries";
import { t } from "../../text/text";
import { EntryIcon } from "../browse/EntryIcon";
import { bulkDone, bulkMeans, decidable, isHeld } from "./bulk";
import { momentBeside } from "./moments";
import { other, type PlaceNames } from "./names";
import { conflictWords, decidedWords } from "./outcomes";
import styles from "./Sync.module.css";
import { tellDecided } from "./tellDecided";

/** A day, a time and a size, each in a line of its own where it is narrow. */
const ROW_HEIGHT = 66;

/** A version: when it changed, how large it is; that it is a folder, or gone. */
function VersionCell({ conflict, side }: { conflict: SyncConflict; side: SyncSide }) {
  const version = conflict[side];
  if (version.path === null) return t("conflict.gone");
  return (
    <span className={styles.twoLines}>
      {version.entryType !== null && version.entryType !== "file" && <span>{t(`conflict.kind.${version.entryType}`)}</span>}
      {version.modifiedMs !== null && <span className={styles.wrapped}>{momentBeside(version.modifiedMs, conflict[other(side)].modifiedMs)}</span>}
      {version.sizeBytes !== null && version.entryType === "file" && <span className={styles.quiet}>{formatBytes(version.sizeBytes)}</span>}
    </span>
  );
}

/** The way to the page of one conflict, for those who do not know that the whole row is one. */
function Open({ pair, conflict }: { pair: SyncPair; conflict: SyncConflict }) {
  const button = t(conflict.decided === null ? "conflict.open" : "conflict.open_again");
  return (
    <LinkButton
      to="/sync/$pairId/conflict/$node"
      params={{ pairId: pair.id, node: conflict.node }}
      aria-label={t("conflict.open_path", { button, path: conflict.path.display })}
      onClick={(event) => event.stopPropagation()}
    >
      {button}
    </LinkButton>
  );
}

/** What "Sync now" does with what is listed. */
function syncWords(pair: SyncPair, decided: number): string {
  if (decided > 0 && pair.state === "running") return t("conflict.sync_running");
  if (decided > 0 && pair.conflictsWaiting === 0) return t("conflict.sync_decided");
  if (pair.conflicts === "ask" && pair.conflictRules.length === 0) return t(decided > 0 ? "conflict.sync_asks_rest" : "conflict.sync_asks");
  return t(decided > 0 ? "conflict.sync_rules_rest" : "conflict.sync_rules");
}

/** What selecting many selects: what waits for a decision; where nothing does, what is decided and can be changed. */
function selectable(rows: SyncConflict[], isWhole: boolean): { rows: SyncConflict[]; text: string } {
  const waiting = rows.filter((conflict) => conflict.decided === null);
  const meant = waiting.length > 0 ? waiting : rows;
  const count = meant.length;
  if (!isWhole) return { rows: meant, text: t("conflict.choose_shown", { count }) };
  if (waiting.length === 0) return { rows: meant, text: t("conflict.choose_decided", { count }) };
  return { rows: meant, text: t(count < rows.length ? "conflict.choose_waiting" : "conflict.choose_all", { count }) };
}

interface BulkProps {
  chosen: SyncConflict[];
  names: PlaceNames;
  busy: boolean;
  /** The next run carries it out, not one of its own at once. */
  isKept: boolean;
  onDecide: (choice: ConflictChoice) => void;
}

function Bulk({ chosen, names, busy, isKept, onDecide }: BulkProps) {
  const [asking, setAsking] = useState<ConflictChoice>();
  const ways: { choice: ConflictChoice; text: string }[] = [
    { choice: "left", text: t("sync.keep_one", { place: names.left }) },
    { choice: "right", text: t("sync.keep_one", { place: names.right }) },
    { choice: "newest", text: t("conflict.newest") },
    { choice: "both", text: t("sync.keep_both") },
    { choice: "later", text: t("conflict.later") },
  ];
  const asked = ways.find((way) => way.choice === asking);
  return (
    <div role="group" aria-label={t("conflict.bulk_label")} className={styles.bulk}>
      <strong>{t("conflict.bulk", { count: chosen.length })}</strong>
      {ways.filter(({ choice }) => decidable(choice, chosen).length > 0).map(({ choice, text }) => (
        <Button key={choice} busy={busy} onClick={() => setAsking(choice)}>
          {text}
        </Button>
      ))}
      <Confirm
        open={asked !== undefined}
        onClose={() => setAsking(undefined)}
        onConfirm={() => {
          if (asking !== undefined) onDecide(asking);
          setAsking(undefined);
        }}
        heading={t(asking === "later" ? "conflict.bulk_confirm_later" : "conflict.bulk_confirm", { count: asking === undefined ? 0 : decidable(asking, chosen).length })}
        confirm={asked?.text ?? ""}
      >
        {asking !== undefined && bulkMeans(asking, chosen, names)}
        {asking !== "later" && ` ${t(isKept ? "conflict.bulk_kept" : "conflict.bulk_at_once")}`}
      </Confirm>
    </div>
  );
}

export function ConflictsTab({ pair, names }: { pair: SyncPair; names: PlaceNames }) {
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState<ReadonlyMap<string, SyncConflict>>(new Map());
  const pages = usePages(
    ["sync.conflicts", pair.id, text.trim()],
    (offset, limit, signal) => call("sync.conflicts", { pairId: pair.id, ...(text.trim() === "" ? {} : { text: text.trim() }), offset, limit }, signal),
    (page) => ({ rows: page.conflicts, total: page.total }),
    { keep: true },
  );
  const pairs = useAsk("sync.pairs", {});
  const resolve = useAct("sync.resolve", {
    renews: ["sync", "job"],
    onDone: (resolved, { decisions }) => {
      const [first] = decisions ?? [];
      if (first) tellDecided(pair, resolved.jobId, bulkDone(first.choice, [...chosen.values()], resolved, names));
      setChosen(new Map());
    },
  });
  if (pages.error) return <Trouble error={pages.error.details} onRetry={pages.again} />;
  if (pages.isPending) return <Loading />;
  const empty = (
    <Empty icon={CircleCheck} heading={t("conflict.none")}>
      {t("conflict.none_text")}
    </Empty>
  );
  if (pages.total === 0 && text.trim() === "") return empty;
  const choose = (conflict: SyncConflict, on: boolean) => {
    const next = new Map(chosen);
    if (on) next.set(conflict.node, conflict);
    else next.delete(conflict.node);
    setChosen(next);
  };
  const all = selectable(pages.rows, pages.rows.length === pages.total);
  const open = (conflict: SyncConflict) => void navigate({ to: "/sync/$pairId/conflict/$node", params: { pairId: pair.id, node: conflict.node } });
  return (
    <div className={styles.tabBody}>
      <div className={styles.filters}>
        <span className={styles.filterWide}>
          <SearchInput label={t("conflict.search")} value={text} onValue={setText} />
        </span>
        {chosen.size > 0 ? (
          <Button onClick={() => setChosen(new Map())}>{t("conflict.choose_none")}</Button>
        ) : (
          all.rows.length > 1 && (
            <Button onClick={() => setChosen(new Map(all.rows.map((conflict) => [conflict.node, conflict])))}>
              {all.text}
            </Button>
          )
        )}
      </div>
      <p className={styles.quiet}>{syncWords(pair, pages.first?.decided ?? 0)}</p>
      {resolve.error && <Trouble error={resolve.error.details} />}
      {chosen.size > 0 && (
        <Bulk
          chosen={[...chosen.values()]}
          names={names}
          busy={resolve.isPending}
          isKept={isHeld(pair, pairs.data?.allPaused === true)}
          onDecide={(choice) => resolve.mutate({ pairId: pair.id, decisions: decidable(choice, [...chosen.values()]).map(({ node }) => ({ node, choice })) })}
        />
      )}
      <DataGrid
        label={t("conflict.list")}
        columns={[
          {
            id: "path",
            heading: t("common.path"),
            width: "minmax(0, 1.8fr)",
            cell: (row) => (
              <>
                <EntryIcon type={row.left.entryType ?? row.right.entryType ?? "file"} />
                <PathText path={row.path.display} />
              </>
            ),
          },
          { id: "kind", heading: t("conflict.how"), width: "minmax(0, 1.05fr)", cell: (row) => <span className={styles.wrapped}>{row.decided === null ? conflictWords(row, names) : t("conflict.decided", { what: decidedWords(row, names) })}</span> },
          { id: "left", heading: names.left, width: "minmax(0, 1fr)", cell: (row) => <VersionCell conflict={row} side="left" /> },
          { id: "right", heading: names.right, width: "minmax(0, 1fr)", cell: (row) => <VersionCell conflict={row} side="right" /> },
          { id: "decide", heading: t("conflict.decision"), width: "100px", cell: (row) => <Open pair={pair} conflict={row} /> },
        ]}
        rows={pages.rows}
        total={pages.total}
        rowKey={(row) => row.node}
        onOpen={open}
        onMore={pages.more}
        rowHeight={ROW_HEIGHT}
        maxHeight="room"
        choosing={{ isChosen: (row) => chosen.has(row.node), onChoose: choose, label: (row) => t("conflict.choose", { path: row.path.display }) }}
        empty={<p className={styles.noMatch}>{t("changes.no_match")}</p>}
      />
    </div>
  );
}
