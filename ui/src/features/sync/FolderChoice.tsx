/** Which folders of the two places are synced: everything, or those that are ticked in a tree of both. */
import { ChevronRight, Folder } from "lucide-react";
import { useState } from "react";
import { useQueries } from "@tanstack/react-query";

import { call, type Failure, type SyncFolder, type SyncFolders, type SyncFoldersGet } from "../../api";
import { DataGrid } from "../../components/DataGrid";
import { Radios } from "../../components/Form";
import { Loading } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { accessOf } from "../../lib/server";
import { t } from "../../text/text";
import { isChosen, isPartly, withFolder, withoutFolder } from "./folderChoice";
import styles from "./FolderChoice.module.css";
import type { PlaceNames } from "./names";
import type { PartProps } from "./PairFields";

interface TreeRow extends SyncFolder {
  depth: number;
  open: boolean;
}

/** The folders in sight: those of the root, and those in every folder that is opened. */
function rowsOf(listed: ReadonlyMap<string, SyncFolders>, open: ReadonlySet<string>, folder = "", depth = 0): TreeRow[] {
  return (listed.get(folder)?.folders ?? []).flatMap((row) => {
    const isOpen = open.has(row.path);
    return [{ ...row, depth, open: isOpen }, ...(isOpen ? rowsOf(listed, open, row.path, depth + 1) : [])];
  });
}

function whereWords(row: SyncFolder, names: PlaceNames): string {
  if (row.inLeft && row.inRight) return t("folders.in_both");
  return t("folders.only_in", { place: row.inLeft ? names.left : names.right });
}

/** Lists folders as they are opened. What opens a server is sent along, never kept in a key. */
function useFolders(place: Omit<SyncFoldersGet, "folder">, open: ReadonlySet<string>) {
  const folders = ["", ...open];
  const queries = useQueries({
    queries: folders.map((folder) => ({
      queryKey: ["sync.folders", place.left, place.right, folder],
      queryFn: ({ signal }: { signal: AbortSignal }) => call("sync.folders", { ...place, folder }, signal),
    })),
  });
  const listed = new Map<string, SyncFolders>();
  queries.forEach((query, index) => {
    const folder = folders[index];
    if (query.data && folder !== undefined) listed.set(folder, query.data);
  });
  return { listed, root: queries[0], error: queries.find((query) => query.error)?.error as Failure | null | undefined };
}

function Tree({ fields, change, names }: PartProps) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const left = accessOf(fields.left, fields.leftAccess);
  const right = accessOf(fields.right, fields.rightAccess);
  const place = { left: fields.left.path.trim(), right: fields.right.path.trim(), ...(left ? { leftAccess: left } : {}), ...(right ? { rightAccess: right } : {}) };
  const { listed, root, error } = useFolders(place, open);
  if (error) return <Trouble error={error.details} onRetry={() => void root?.refetch()} />;
  const whole = listed.get("");
  if (!whole) return <Loading />;
  const rows = rowsOf(listed, open);
  const known = new Set(rows.map((row) => row.path));
  const elsewhere = fields.folders.filter((folder) => !known.has(folder) && !rows.some((row) => !row.open && folder.startsWith(`${row.path}/`)));
  const toggle = (row: TreeRow) => {
    const next = new Set(open);
    if (!next.delete(row.path)) next.add(row.path);
    setOpen(next);
  };
  const childrenOf = (folder: string) => (listed.get(folder)?.folders ?? []).map((child) => child.path);
  const choose = (row: TreeRow, on: boolean) => change({ folders: on ? withFolder(fields.folders, row.path) : withoutFolder(fields.folders, row.path, childrenOf) });
  return (
    <>
      {whole.leftError && <Trouble error={whole.leftError} onRetry={() => void root?.refetch()} />}
      {whole.rightError && <Trouble error={whole.rightError} onRetry={() => void root?.refetch()} />}
      <DataGrid<TreeRow>
        label={t("folders.tree")}
        rows={rows}
        total={rows.length}
        rowKey={(row) => row.path}
        onOpen={toggle}
        maxHeight={300}
        choosing={{
          isChosen: (row) => isChosen(fields.folders, row.path),
          isPartly: (row) => isPartly(fields.folders, row.path),
          onChoose: choose,
          label: (row) => t("folders.choose", { folder: row.path }),
        }}
        columns={[
          {
            id: "name",
            heading: t("common.name"),
            width: "minmax(0, 1fr)",
            cell: (row) => (
              <span className={styles.name} style={{ paddingInlineStart: row.depth * 20 }}>
                <ChevronRight aria-hidden="true" data-open={row.open || undefined} className={styles.arrow} />
                <Folder aria-hidden="true" className={styles.icon} />
                <span className={styles.text}>{row.name}</span>
                <span className="only-spoken">{row.open ? t("folders.opened") : t("folders.closed")}</span>
              </span>
            ),
          },
          { id: "where", heading: t("folders.where"), width: "minmax(0, 0.6fr)", cell: (row) => <span className={styles.quiet}>{whereWords(row, names)}</span> },
        ]}
        empty={<p className={styles.quiet}>{t("folders.none")}</p>}
      />
      {elsewhere.length > 0 && <p className={styles.quiet}>{t("folders.elsewhere", { folders: elsewhere.join(", ") })}</p>}
      <p className={styles.quiet}>{t("folders.hint")}</p>
    </>
  );
}

export function FolderChoice(props: PartProps) {
  const { fields, change, faults } = props;
  return (
    <div className={styles.choice}>
      <Radios<"all" | "chosen">
        label={t("folders.label")}
        value={fields.onlyFolders ? "chosen" : "all"}
        onValue={(value) => change({ onlyFolders: value === "chosen" })}
        choices={[
          { value: "all", text: t("folders.all") },
          { value: "chosen", text: t("folders.some"), note: t("folders.some_note") },
        ]}
      />
      {fields.onlyFolders && <Tree {...props} />}
      {faults.has("folders") && <p className={styles.fault}>{t("folders.none_chosen")}</p>}
    </div>
  );
}
