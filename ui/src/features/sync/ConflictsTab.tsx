/** What waits for a decision: one by one, or many at once. */
import { useNavigate } from "@tanstack/react-router";
import { CircleCheck } from "lucide-react";
import { useState } from "react";

import { call, type ConflictChoice, type SyncConflict, type SyncPair, type SyncVersion } from "../../api";
import { Button } from "../../components/Button";
import { DataGrid } from "../../components/DataGrid";
import { Confirm } from "../../components/Dialog";
import { SearchInput } from "../../components/Form";
import { tellDone } from "../../components/news";
import { Empty, Loading } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { PathText } from "../../components/Values";
import { formatBytes, formatMoment } from "../../lib/format";
import { useAct, usePages } from "../../lib/queries";
import { t } from "../../text/text";
import { EntryIcon } from "../browse/EntryIcon";
import type { PlaceNames } from "./names";
import { CONFLICT, decidedWords } from "./outcomes";
import styles from "./Sync.module.css";

/** A version in a line: when it changed, how large it is, or that it is gone. */
export function versionLine(version: SyncVersion): string {
  if (version.path === null) return t("conflict.gone");
  const parts = [version.modifiedMs === null ? "" : formatMoment(version.modifiedMs), version.sizeBytes === null || version.entryType !== "file" ? "" : formatBytes(version.sizeBytes)];
  return parts.filter((part) => part !== "").join(", ");
}

interface BulkProps {
  chosen: SyncConflict[];
  names: PlaceNames;
  busy: boolean;
  onDecide: (choice: ConflictChoice) => void;
}

function bulkText(choice: ConflictChoice, names: PlaceNames): string {
  switch (choice) {
    case "left":
      return t("conflict.bulk_keep", { here: names.left, there: names.right });
    case "right":
      return t("conflict.bulk_keep", { here: names.right, there: names.left });
    case "both":
      return t("conflict.bulk_both");
    case "newest":
      return t("conflict.bulk_newest");
    case "later":
      return t("conflict.lead");
  }
}

function Bulk({ chosen, names, busy, onDecide }: BulkProps) {
  const [asking, setAsking] = useState<ConflictChoice>();
  const ways: { choice: ConflictChoice; text: string }[] = [
    { choice: "left", text: t("sync.keep_one", { place: names.left }) },
    { choice: "right", text: t("sync.keep_one", { place: names.right }) },
    { choice: "newest", text: t("conflict.newest") },
    { choice: "both", text: t("sync.keep_both") },
  ];
  const asked = ways.find((way) => way.choice === asking);
  return (
    <div role="group" aria-label={t("conflict.bulk_label")} className={styles.bulk}>
      <strong>{t("conflict.bulk", { count: chosen.length })}</strong>
      {ways.map(({ choice, text }) => (
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
        heading={t("conflict.bulk_confirm", { count: chosen.length })}
        confirm={asked?.text ?? ""}
      >
        {asking !== undefined && bulkText(asking, names)}
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
  const resolve = useAct("sync.resolve", {
    renews: ["sync", "job"],
    onDone: ({ decided }) => {
      setChosen(new Map());
      tellDone(t("conflict.decided_done", { count: decided }));
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
  const open = (conflict: SyncConflict) => void navigate({ to: "/sync/$pairId/conflict/$node", params: { pairId: pair.id, node: conflict.node } });
  return (
    <div className={styles.tabBody}>
      <div className={styles.filters}>
        <span className={styles.filterWide}>
          <SearchInput label={t("conflict.search")} value={text} onValue={setText} />
        </span>
        {chosen.size === 0 ? (
          <Button onClick={() => setChosen(new Map(pages.rows.map((conflict) => [conflict.node, conflict])))}>{t("conflict.choose_all")}</Button>
        ) : (
          <Button onClick={() => setChosen(new Map())}>{t("conflict.choose_none")}</Button>
        )}
      </div>
      {resolve.error && <Trouble error={resolve.error.details} />}
      {chosen.size > 0 && (
        <Bulk
          chosen={[...chosen.values()]}
          names={names}
          busy={resolve.isPending}
          onDecide={(choice) => resolve.mutate({ pairId: pair.id, decisions: [...chosen.keys()].map((node) => ({ node, choice })) })}
        />
      )}
      <DataGrid
        label={t("conflict.list")}
        columns={[
          {
            id: "path",
            heading: t("common.path"),
            width: "minmax(0, 1.2fr)",
            cell: (row) => (
              <>
                <EntryIcon type={row.left.entryType ?? row.right.entryType ?? "file"} />
                <PathText path={row.path.display} />
              </>
            ),
          },
          { id: "kind", heading: t("conflict.how"), width: "minmax(0, 0.9fr)", cell: (row) => (row.decided === null ? t(CONFLICT[row.kind]) : t("conflict.decided", { what: decidedWords(row, names) })) },
          { id: "left", heading: names.left, width: "minmax(0, 0.9fr)", cell: (row) => versionLine(row.left) },
          { id: "right", heading: names.right, width: "minmax(0, 0.9fr)", cell: (row) => versionLine(row.right) },
        ]}
        rows={pages.rows}
        total={pages.total}
        rowKey={(row) => row.node}
        onOpen={open}
        onMore={pages.more}
        choosing={{ isChosen: (row) => chosen.has(row.node), onChoose: choose, label: (row) => t("conflict.choose", { path: row.path.display }) }}
        empty={<p className={styles.noMatch}>{t("changes.no_match")}</p>}
      />
    </div>
  );
}
